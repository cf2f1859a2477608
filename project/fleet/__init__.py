"""`make fleet`: the files of deploy/ on loopback, with two web hosts, behind nginx and Varnish, by one command."""
