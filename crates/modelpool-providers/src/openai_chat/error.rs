//! Refusals over OpenAI's wire. Vendors that speak it have error shapes of all kinds, so it reads
//! them as every wire does.

pub(super) use crate::failure::from_object;
