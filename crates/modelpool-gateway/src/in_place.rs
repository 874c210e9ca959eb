//! Polling a connection again without asking the scheduler.
//!
//! hyper wakes a connection's task from within: taking the body of a request out of its channel wakes the
//! future that fills it, which is the very one being polled. The scheduler sees a task that was woken
//! while it ran, puts it into a queue and wakes another thread to take it: for every request a futex, a
//! thread that competes with the upstream for the processor, and about 50 µs before the first byte where
//! cores are few. Here such a task is polled once more at once, and nobody else hears of it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use modelpool::parts::core::alarm::Alarm;

/// Rounds before the scheduler is asked after all, so that one connection cannot keep a thread to itself.
const MOST_ROUNDS: usize = 8;

/// A future that is polled again in place when it was woken while it was polled.
pub(crate) struct InPlace<F> {
    future: Pin<Box<F>>,
    alarm: Arc<Alarm>,
    /// The alarm, as futures take it.
    waker: Waker,
}

impl<F: Future> InPlace<F> {
    pub(crate) fn new(future: F) -> Self {
        let alarm = Alarm::new();
        let waker = Waker::from(Arc::clone(&alarm));
        Self {
            future: Box::pin(future),
            alarm,
            waker,
        }
    }
}

impl<F: Future> Future for InPlace<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        this.alarm.set_task(context.waker());
        for _ in 0..MOST_ROUNDS {
            let mut inner = Context::from_waker(&this.waker);
            let (outcome, rung) = this.alarm.muted(|| this.future.as_mut().poll(&mut inner));
            if outcome.is_ready() || !rung {
                return outcome;
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Polls a future that wakes itself so many times; returns how often it was polled and its task woken.
    fn poll_once(self_wakes: usize) -> (usize, usize) {
        let polled = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&polled);
        let mut future = InPlace::new(std::future::poll_fn(move |context| {
            if counter.fetch_add(1, Ordering::Relaxed) < self_wakes {
                context.waker().wake_by_ref();
            }
            Poll::<()>::Pending
        }));
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let outcome = Pin::new(&mut future).poll(&mut Context::from_waker(&waker));
        assert!(outcome.is_pending());
        (polled.load(Ordering::Relaxed), count.0.load(Ordering::Relaxed))
    }

    #[test]
    fn a_future_that_wakes_itself_is_polled_again_and_its_task_left_alone() {
        assert_eq!(poll_once(0), (1, 0));
        assert_eq!(poll_once(2), (3, 0));
    }

    #[test]
    fn one_that_never_stops_gives_way() {
        assert_eq!(poll_once(usize::MAX), (MOST_ROUNDS, 1));
    }

    #[test]
    fn wake_ups_from_outside_reach_the_task() {
        let kept: Arc<std::sync::Mutex<Option<Waker>>> = Arc::default();
        let keeper = Arc::clone(&kept);
        let mut future = InPlace::new(std::future::poll_fn(move |context| {
            *keeper.lock().unwrap() = Some(context.waker().clone());
            Poll::<()>::Pending
        }));
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        assert!(
            Pin::new(&mut future)
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
        kept.lock().unwrap().take().unwrap().wake();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
    }
}
