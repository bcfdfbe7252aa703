//! Sockets in, messages out: workers, UDP batches, TCP, quotas, timeouts.
