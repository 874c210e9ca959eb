//! Ids of requests: unique within a process, random between processes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const PREFIX: &[u8; 4] = b"req_";
/// Hexadecimal digits of the process's number and of the request's.
const PROCESS_DIGITS: usize = 16;
const REQUEST_DIGITS: usize = 12;

/// Hands out ids such as `req_7f3c9a0e5b21d846000000000001`.
#[derive(Debug)]
pub(crate) struct RequestIds {
    process: u64,
    next: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new(process: u64) -> Self {
        Self {
            process,
            next: AtomicU64::new(0),
        }
    }

    pub(crate) fn next(&self) -> Arc<str> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut id = [0; PREFIX.len() + PROCESS_DIGITS + REQUEST_DIGITS];
        let (prefix, digits) = id.split_at_mut(PREFIX.len());
        let (process, request) = digits.split_at_mut(PROCESS_DIGITS);
        prefix.copy_from_slice(PREFIX);
        write_hex(process, self.process);
        write_hex(request, number);
        // Hexadecimal digits are UTF-8.
        std::str::from_utf8(&id).unwrap_or_default().into()
    }
}

/// The lowest digits of a number, as many as there is room for. Formatting through `fmt` costs ten
/// times as much, and every request has an id.
fn write_hex(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number % 16) as usize];
        number /= 16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_count_up_within_a_process() {
        let ids = RequestIds::new(0x0123_4567_89ab_cdef);
        assert_eq!(&*ids.next(), "req_0123456789abcdef000000000000");
        assert_eq!(&*ids.next(), "req_0123456789abcdef000000000001");
    }
}
