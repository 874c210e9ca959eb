//! A collector of OpenTelemetry's, simulated: it keeps what it is sent, in order.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// Longer than anything takes.
const LIMIT: Duration = Duration::from_secs(30);

/// One request: its head in lower case, and its body.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) head: String,
    pub(crate) body: Value,
}

/// Listens until the test ends.
pub(crate) struct Collector {
    pub(crate) url: String,
    batches: Receiver<Batch>,
    passed_over: VecDeque<Batch>,
}

impl Collector {
    /// A collector that answers its first requests with these statuses, and takes all others.
    pub(crate) fn start(first: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, batches) = channel();
        let mut statuses: VecDeque<u16> = first.iter().copied().collect();
        thread::spawn(move || {
            for connection in listener.incoming() {
                // One request of each connection, so that statuses go in order.
                let status = statuses.pop_front().unwrap_or(200);
                take(connection.unwrap(), status, &sender);
            }
        });
        Self {
            url,
            batches,
            passed_over: VecDeque::new(),
        }
    }

    /// The next batch for a path.
    pub(crate) fn next(&mut self, path: &str) -> Batch {
        let is_it = |batch: &Batch| batch.head.starts_with(&format!("post {path} http/1.1"));
        if let Some(place) = self.passed_over.iter().position(is_it) {
            return self.passed_over.remove(place).unwrap();
        }
        loop {
            let batch = self.batches.recv_timeout(LIMIT).unwrap();
            if is_it(&batch) {
                return batch;
            }
            self.passed_over.push_back(batch);
        }
    }

    /// Whether nothing was sent to a path so far.
    pub(crate) fn has_nothing_for(&mut self, path: &str) -> bool {
        self.passed_over.extend(self.batches.try_iter());
        !self.passed_over.iter().any(|batch| batch.head.contains(path))
    }
}

fn take(mut connection: TcpStream, status: u16, sender: &Sender<Batch>) {
    connection.set_read_timeout(Some(LIMIT)).unwrap();
    let mut read = Vec::new();
    loop {
        let mut part = [0; 4096];
        match connection.read(&mut part) {
            // It left, as a program does that has no more time.
            Ok(0) | Err(_) => return,
            Ok(length) => read.extend_from_slice(&part[..length]),
        }
        let text = String::from_utf8_lossy(&read);
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && let Ok(body) = serde_json::from_str(body)
        {
            let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}");
            let _it_left = connection.write_all(answer.as_bytes());
            let head = head.to_lowercase();
            let _the_test_ended = sender.send(Batch { head, body });
            return;
        }
    }
}
