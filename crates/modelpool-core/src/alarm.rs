//! A waker that can be muted.
//!
//! A future that is made of parts which wake one another would have its task run twice for
//! everything it does: hyper wakes the future that drives a connection whenever a part of a body is
//! asked for or taken out, although the same task polls it next anyway. Worse, a task that is woken
//! while it runs is handed to the scheduler, which wakes another thread to look at it. So the alarm
//! is muted meanwhile.
//!
//! A wake-up from outside, such as the socket's, that falls into that moment is muted too, and not
//! lost: the alarm remembers that it was rung. Whoever muted it then polls once more (readiness was
//! set before the ring, so polling finds it) or wakes the task itself.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

/// Wake-ups pass.
const ON: u8 = 0;
/// They do not.
const MUTED: u8 = 1;
/// They do not, and there was one.
const RUNG: u8 = 2;

/// Passes wake-ups on to a task, unless muted.
///
/// ```
/// use std::task::Waker;
/// use modelpool_core::alarm::Alarm;
/// let alarm = Alarm::new();
/// let waker = Waker::from(alarm.clone());
/// let (answer, rung) = alarm.muted(|| { waker.wake_by_ref(); 42 });
/// assert!(rung && answer == 42);
/// ```
#[derive(Debug)]
pub struct Alarm {
    state: AtomicU8,
    task: Mutex<Waker>,
}

impl Alarm {
    /// An alarm that wakes nobody yet.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            state: AtomicU8::new(ON),
            task: Mutex::new(Waker::noop().clone()),
        })
    }

    /// Wake this task from now on.
    pub fn set_task(&self, task: &Waker) {
        let mut present = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if !present.will_wake(task) {
            present.clone_from(task);
        }
    }

    /// Does something whose wake-ups lead nowhere; returns whether there was one.
    pub fn muted<T>(&self, work: impl FnOnce() -> T) -> (T, bool) {
        self.state.store(MUTED, Ordering::Release);
        let done = work();
        let rung = self.state.swap(ON, Ordering::AcqRel) == RUNG;
        (done, rung)
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let muted = self
            .state
            .compare_exchange(MUTED, RUNG, Ordering::AcqRel, Ordering::Acquire);
        if muted == Err(ON) {
            self.task
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn wake_ups_pass_unless_muted() {
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let alarm = Alarm::new();
        alarm.set_task(&Waker::from(Arc::clone(&count)));
        let waker = Waker::from(Arc::clone(&alarm));
        assert_eq!(alarm.muted(|| waker.wake_by_ref()), ((), true));
        assert_eq!(alarm.muted(|| ()), ((), false));
        assert_eq!(count.0.load(Ordering::Relaxed), 0);
        waker.wake_by_ref();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
    }
}
