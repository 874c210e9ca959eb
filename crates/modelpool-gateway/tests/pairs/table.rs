//! The table of what is carried for each pair.
