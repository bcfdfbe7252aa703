//! Tests of the zones as a whole.
