//! Rounds of a generator.
