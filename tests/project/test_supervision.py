from project.supervision import LONGEST_DELAY, STEADY_SECONDS, RestartBackoff


def test_the_first_restart_is_immediate_and_each_further_one_later():
    backoff = RestartBackoff()
    assert [backoff.delay_after(0.1) for _ in range(9)] == [0, 0.5, 1, 2, 4, 8, 16, LONGEST_DELAY, LONGEST_DELAY]


def test_a_process_that_ran_long_enough_resets_the_delay():
    backoff = RestartBackoff()
    for _ in range(5):
        backoff.delay_after(0.1)
    assert backoff.delay_after(STEADY_SECONDS) == 0
    assert [backoff.delay_after(0.1) for _ in range(2)] == [0, 0.5]
