//! Answers queries from mapped zone images.
