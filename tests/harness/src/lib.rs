//! Boots a real systemd in namespaces of its own, for the tests, make run and the benchmarks.
