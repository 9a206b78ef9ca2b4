//! The breaker by itself, with a stopped clock.

use tokio::time::advance;

use super::*;

#[derive(Debug, Default)]
struct Heard(Mutex<Vec<&'static str>>);

impl Observer for Heard {
    fn breaker(&self, provider: Provider, state: BreakerState) {
        assert_eq!(provider, Provider::CalCom);
        self.0
            .lock()
            .expect("nobody panics with the lock")
            .push(state.as_str());
    }
}

fn breaker() -> (Breaker, Arc<Heard>) {
    let heard = Arc::new(Heard::default());
    let observer = Arc::<Heard>::clone(&heard);
    (
        Breaker::new(Provider::CalCom, policy::Breaker::default(), observer),
        heard,
    )
}

impl Breaker {
    fn lets(&self, verdict: Verdict) {
        self.enter().expect("it is not open").report(verdict);
    }

    fn is_shut(&self) -> bool {
        let shut = self.check() == Err(Shut);
        assert_eq!(self.enter().is_err(), shut, "both say the same");
        shut
    }
}

async fn seconds(seconds: u64) {
    advance(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn failures_in_a_row_open_it_and_a_good_probe_closes_it() {
    let (breaker, heard) = breaker();
    for _ in 0..4 {
        breaker.lets(Verdict::Failing);
    }
    breaker.lets(Verdict::Well);
    for _ in 0..4 {
        breaker.lets(Verdict::Failing);
        assert!(
            !breaker.is_shut(),
            "an answer between them starts the count again"
        );
    }
    breaker.lets(Verdict::Failing);
    assert!(breaker.is_shut());
    seconds(9).await;
    assert!(breaker.is_shut());
    seconds(1).await;
    let probe = breaker.enter().expect("the pause is over");
    assert!(breaker.is_shut(), "one at a time");
    probe.report(Verdict::Well);
    for _ in 0..4 {
        breaker.lets(Verdict::Failing);
    }
    assert!(!breaker.is_shut(), "the count started again");
    assert_eq!(
        *heard.0.lock().expect("nobody panics with the lock"),
        ["open", "half_open", "closed"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_bad_probe_opens_it_for_another_pause() {
    let (breaker, heard) = breaker();
    for _ in 0..5 {
        breaker.lets(Verdict::Failing);
    }
    for verdict in [Verdict::Failing, Verdict::Faltering] {
        seconds(10).await;
        breaker.lets(verdict);
        assert!(breaker.is_shut());
    }
    assert_eq!(
        *heard.0.lock().expect("nobody panics with the lock"),
        ["open", "half_open", "open", "half_open", "open"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_share_of_failures_opens_it() {
    let (breaker, _) = breaker();
    for _ in 0..9 {
        breaker.lets(Verdict::Well);
        breaker.lets(Verdict::Failing);
    }
    breaker.lets(Verdict::Well);
    assert!(!breaker.is_shut(), "19 calls are too few to tell");
    breaker.lets(Verdict::Failing);
    assert!(breaker.is_shut());
}

#[tokio::test(start_paused = true)]
async fn what_is_long_ago_does_not_count() {
    let (breaker, _) = breaker();
    for _ in 0..9 {
        breaker.lets(Verdict::Well);
        breaker.lets(Verdict::Failing);
    }
    seconds(31).await;
    for _ in 0..9 {
        breaker.lets(Verdict::Well);
        breaker.lets(Verdict::Failing);
    }
    assert!(!breaker.is_shut());
}

#[tokio::test(start_paused = true)]
async fn plain_500s_open_it_only_by_their_share() {
    let (breaker, _) = breaker();
    for _ in 0..19 {
        breaker.lets(Verdict::Faltering);
        assert!(!breaker.is_shut());
    }
    breaker.lets(Verdict::Faltering);
    assert!(breaker.is_shut());
}

#[tokio::test(start_paused = true)]
async fn client_errors_never_open_it() {
    let (breaker, heard) = breaker();
    for _ in 0..1000 {
        breaker.lets(Verdict::Well);
    }
    assert!(
        !breaker.is_shut()
            && heard
                .0
                .lock()
                .expect("nobody panics with the lock")
                .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn a_long_silence_counts_and_a_short_one_does_not() {
    let (breaker, _) = breaker();
    for _ in 0..50 {
        let pass = breaker.enter().expect("it is not open");
        advance(Duration::from_millis(999)).await;
        pass.report_silence();
    }
    assert!(
        !breaker.is_shut(),
        "who waits for less than a second cannot say that nobody answers"
    );
    for _ in 0..5 {
        let pass = breaker.enter().expect("it is not open");
        seconds(1).await;
        drop(pass);
    }
    assert!(breaker.is_shut(), "who hangs up after a second can");
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_given_up_leaves_the_place_to_the_next() {
    let (breaker, _) = breaker();
    for _ in 0..5 {
        breaker.lets(Verdict::Failing);
    }
    seconds(10).await;
    drop(breaker.enter().expect("the pause is over"));
    let probe = breaker.enter().expect("nobody is probing");
    probe.report(Verdict::Well);
    assert!(!breaker.is_shut());
}

#[tokio::test(start_paused = true)]
async fn who_left_before_it_opened_does_not_close_it() {
    let (breaker, _) = breaker();
    let slow = breaker.enter().expect("it is closed");
    for _ in 0..5 {
        breaker.lets(Verdict::Failing);
    }
    seconds(10).await;
    let probe = breaker.enter().expect("the pause is over");
    slow.report(Verdict::Well);
    assert!(breaker.is_shut(), "only the probe may close it");
    probe.report(Verdict::Failing);
    assert!(breaker.is_shut());
}
