//! The timer of a connection for the heads of its requests.
//!
//! hyper makes a timer for every head it waits for, and drops it when the head has come: for each request an entry
//! into the runtime's wheel and out of it, under a lock. Its deadlines only grow, so one timer that is kept does
//! for all of them: when it rings for a head that has come long since, it is set to the one that is waited for now.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

/// Makes the timers of one connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeadTimer {
    kept: Arc<Mutex<Option<Pin<Box<tokio::time::Sleep>>>>>,
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(HeadSleep {
            deadline: deadline.into(),
            timer: self.clone(),
        })
    }

    fn now(&self) -> Instant {
        // The runtime's, which tests stop.
        tokio::time::Instant::now().into_std()
    }
}

/// Waits for a moment, with the timer that is kept.
#[derive(Debug)]
struct HeadSleep {
    deadline: tokio::time::Instant,
    timer: HeadTimer,
}

impl Sleep for HeadSleep {}

impl Future for HeadSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut kept = self.timer.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = kept.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(self.deadline)));
        if kept.deadline() > self.deadline {
            kept.as_mut().reset(self.deadline);
        }
        loop {
            ready!(kept.as_mut().poll(context));
            if kept.deadline() >= self.deadline {
                return Poll::Ready(());
            }
            kept.as_mut().reset(self.deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    async fn took(sleep: Pin<Box<dyn Sleep>>) -> Duration {
        let began = tokio::time::Instant::now();
        sleep.await;
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn one_timer_serves_a_deadline_after_another() {
        let timer = HeadTimer::default();
        assert_eq!(took(timer.sleep(SECOND)).await, SECOND);
        // Waited for and given up: the kept timer is still set to it.
        let given_up = tokio::time::timeout(SECOND / 2, timer.sleep(SECOND)).await;
        assert!(given_up.is_err());
        assert_eq!(took(timer.sleep(SECOND * 3)).await, SECOND * 3);
        // A deadline before the one that is kept.
        let given_up = tokio::time::timeout(SECOND / 2, timer.sleep(SECOND * 9)).await;
        assert!(given_up.is_err());
        assert_eq!(took(timer.sleep(SECOND)).await, SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_in_the_past_has_come() {
        let timer = HeadTimer::default();
        let past = timer.now();
        tokio::time::advance(SECOND).await;
        assert_eq!(took(timer.sleep_until(past)).await, Duration::ZERO);
    }
}
