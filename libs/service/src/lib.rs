//! What every daemon does alike: start, ready, watchdog, settings, statistics, log, stop.
