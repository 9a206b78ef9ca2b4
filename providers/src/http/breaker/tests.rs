//! The state machine of the breaker, with a paused clock.

use tokio::time::advance;

use super::*;

#[derive(Debug, Default)]
struct Recorder(Mutex<Vec<&'static str>>);

impl Observer for Recorder {
    fn breaker(&self, provider: Provider, state: BreakerState) {
        assert_eq!(provider, Provider::CalCom);
        self.0
            .lock()
            .expect("no holder panics")
            .push(state.as_str());
    }
}

fn breaker() -> (Breaker, Arc<Recorder>) {
    let recorder = Arc::new(Recorder::default());
    let observer = Arc::<Recorder>::clone(&recorder);
    (
        Breaker::new(Provider::CalCom, policy::Breaker::default(), observer),
        recorder,
    )
}

impl Breaker {
    fn exchange(&self, outcome: Outcome) {
        self.enter().expect("it is not open").report(outcome);
    }

    fn is_open(&self) -> bool {
        let open = self.check() == Err(CircuitOpen);
        assert_eq!(self.enter().is_err(), open, "both agree");
        open
    }
}

async fn seconds(seconds: u64) {
    advance(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn consecutive_failures_open_it_and_a_successful_probe_closes_it() {
    let (breaker, recorder) = breaker();
    for _ in 0..4 {
        breaker.exchange(Outcome::Failure);
    }
    breaker.exchange(Outcome::Success);
    for _ in 0..4 {
        breaker.exchange(Outcome::Failure);
        assert!(!breaker.is_open(), "a success in between resets the count");
    }
    breaker.exchange(Outcome::Failure);
    assert!(breaker.is_open());
    seconds(9).await;
    assert!(breaker.is_open());
    seconds(1).await;
    let probe = breaker.enter().expect("the pause is over");
    assert!(breaker.is_open(), "one at a time");
    probe.report(Outcome::Success);
    for _ in 0..4 {
        breaker.exchange(Outcome::Failure);
    }
    assert!(!breaker.is_open(), "the count was reset");
    assert_eq!(
        *recorder.0.lock().expect("no holder panics"),
        ["open", "half_open", "closed"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_probe_opens_it_again() {
    let (breaker, recorder) = breaker();
    for _ in 0..5 {
        breaker.exchange(Outcome::Failure);
    }
    for outcome in [Outcome::Failure, Outcome::ServerError] {
        seconds(10).await;
        breaker.exchange(outcome);
        assert!(breaker.is_open());
    }
    assert_eq!(
        *recorder.0.lock().expect("no holder panics"),
        ["open", "half_open", "open", "half_open", "open"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_share_of_failures_opens_it() {
    let (breaker, _) = breaker();
    for _ in 0..9 {
        breaker.exchange(Outcome::Success);
        breaker.exchange(Outcome::Failure);
    }
    breaker.exchange(Outcome::Success);
    assert!(!breaker.is_open(), "19 calls are below the minimum");
    breaker.exchange(Outcome::Failure);
    assert!(breaker.is_open());
}

#[tokio::test(start_paused = true)]
async fn failures_before_the_window_do_not_count() {
    let (breaker, _) = breaker();
    for _ in 0..9 {
        breaker.exchange(Outcome::Success);
        breaker.exchange(Outcome::Failure);
    }
    seconds(31).await;
    for _ in 0..9 {
        breaker.exchange(Outcome::Success);
        breaker.exchange(Outcome::Failure);
    }
    assert!(!breaker.is_open());
}

#[tokio::test(start_paused = true)]
async fn plain_500s_open_it_only_by_their_share() {
    let (breaker, _) = breaker();
    for _ in 0..19 {
        breaker.exchange(Outcome::ServerError);
        assert!(!breaker.is_open());
    }
    breaker.exchange(Outcome::ServerError);
    assert!(breaker.is_open());
}

#[tokio::test(start_paused = true)]
async fn client_errors_never_open_it() {
    let (breaker, recorder) = breaker();
    for _ in 0..1000 {
        breaker.exchange(Outcome::Success);
    }
    assert!(!breaker.is_open() && recorder.0.lock().expect("no holder panics").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_long_wait_without_response_counts_and_a_short_one_does_not() {
    let (breaker, _) = breaker();
    for _ in 0..50 {
        let probe = breaker.enter().expect("it is not open");
        advance(Duration::from_millis(999)).await;
        probe.timed_out();
    }
    assert!(
        !breaker.is_open(),
        "waits of less than a second do not count"
    );
    for _ in 0..5 {
        let probe = breaker.enter().expect("it is not open");
        seconds(1).await;
        drop(probe);
    }
    assert!(breaker.is_open(), "cancellations after a second do");
}

#[tokio::test(start_paused = true)]
async fn after_a_canceled_probe_the_next_call_probes() {
    let (breaker, _) = breaker();
    for _ in 0..5 {
        breaker.exchange(Outcome::Failure);
    }
    seconds(10).await;
    drop(breaker.enter().expect("the pause is over"));
    let probe = breaker.enter().expect("the probe was released");
    probe.report(Outcome::Success);
    assert!(!breaker.is_open());
}

#[tokio::test(start_paused = true)]
async fn an_exchange_from_before_it_opened_does_not_close_it() {
    let (breaker, _) = breaker();
    let slow = breaker.enter().expect("it is closed");
    for _ in 0..5 {
        breaker.exchange(Outcome::Failure);
    }
    seconds(10).await;
    let probe = breaker.enter().expect("the pause is over");
    slow.report(Outcome::Success);
    assert!(breaker.is_open(), "only the probe may close it");
    probe.report(Outcome::Failure);
    assert!(breaker.is_open());
}
