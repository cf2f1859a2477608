from project.serving.patience import LONGEST_SECONDS, STEADY_SECONDS, Patience


def test_the_first_death_is_replaced_at_once_and_a_row_of_them_ever_later():
    patience = Patience()
    assert [patience.after(0.1) for _ in range(9)] == [0, 0.5, 1, 2, 4, 8, 16, LONGEST_SECONDS, LONGEST_SECONDS]


def test_a_worker_that_has_lived_ends_the_row():
    patience = Patience()
    for _ in range(5):
        patience.after(0.1)
    assert patience.after(STEADY_SECONDS) == 0
    assert [patience.after(0.1) for _ in range(2)] == [0, 0.5]
