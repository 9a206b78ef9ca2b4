use entity::event_type::{AnswerKind, PolicyTier, Question};

use super::*;

fn complete() -> Changes {
    Changes {
        title: Some(" Listing review ".to_owned()),
        slug: Some("listing-review".to_owned()),
        length_minutes: Some(60),
        ..Changes::default()
    }
}

fn changed(changes: Changes) -> Model {
    let mut row = blank(Uuid::nil(), Uuid::nil(), DateTime::UNIX_EPOCH);
    changes.apply(&mut row);
    row
}

fn violations_of(changes: Changes) -> Vec<String> {
    let mut problems = Problems::default();
    check(&mut problems, &changed(changes));
    problems.paths()
}

#[test]
fn a_new_type_requires_only_title_slug_and_length() {
    assert_eq!(violations_of(complete()), Vec::<String>::new());
    assert_eq!(changed(complete()).title, "Listing review");
    assert_eq!(changed(complete()).lengths.0, [60]);
    assert_eq!(
        violations_of(Changes::default()),
        ["title", "slug", "lengthMinutes", "lengthsMinutes.0"]
    );
}

#[test]
fn lengths_are_sorted_and_contain_the_default() {
    let row = changed(Changes {
        lengths_minutes: Some(vec![90, 60, 30, 60]),
        ..complete()
    });
    assert_eq!(row.lengths.0, [30, 60, 90]);
    assert_eq!(
        violations_of(Changes {
            lengths_minutes: Some(vec![30]),
            ..complete()
        }),
        ["lengthsMinutes"]
    );
    assert_eq!(
        violations_of(Changes {
            lengths_minutes: Some(vec![]),
            ..complete()
        }),
        ["lengthsMinutes"]
    );
    for length in [-60, 0, 4, 61, 1_445, i32::MAX] {
        let found = violations_of(Changes {
            length_minutes: Some(length),
            ..complete()
        });
        assert_eq!(found, ["lengthMinutes", "lengthsMinutes.0"], "{length}");
    }
}

#[test]
fn a_new_default_replaces_a_single_length_only() {
    let mut one = changed(complete());
    Changes {
        length_minutes: Some(45),
        ..Changes::default()
    }
    .apply(&mut one);
    assert_eq!((one.length_minutes, one.lengths.0), (45, vec![45]));

    let mut many = changed(Changes {
        lengths_minutes: Some(vec![30, 60]),
        ..complete()
    });
    Changes {
        length_minutes: Some(45),
        ..Changes::default()
    }
    .apply(&mut many);
    let mut problems = Problems::default();
    check(&mut problems, &many);
    assert_eq!(problems.paths(), ["lengthsMinutes"]);
}

#[test]
fn numbers_outside_of_their_range_are_refused() {
    let changes = Changes {
        buffer_before_minutes: Some(-1),
        buffer_after_minutes: Some(1_441),
        minimum_notice_minutes: Some(525_601),
        slot_interval_minutes: Some(Some(4)),
        ..complete()
    };
    let expected = [
        "bufferBeforeMinutes",
        "bufferAfterMinutes",
        "minimumNoticeMinutes",
        "slotIntervalMinutes",
    ];
    assert_eq!(violations_of(changes), expected);
}

#[test]
fn a_window_has_the_fields_of_its_kind_and_no_others() {
    let day = |text: &str| Some(text.parse::<NaiveDate>().expect("a literal date"));
    let cases: [(
        WindowKind,
        Option<i32>,
        Option<NaiveDate>,
        Option<NaiveDate>,
        &[&str],
    ); 10] = [
        (WindowKind::Unlimited, None, None, None, &[]),
        (WindowKind::Days, Some(730), None, None, &[]),
        (
            WindowKind::Range,
            None,
            day("2027-01-01"),
            day("2027-01-01"),
            &[],
        ),
        (
            WindowKind::Unlimited,
            Some(1),
            None,
            day("2027-01-01"),
            &["window.days", "window.from"],
        ),
        (WindowKind::Days, None, None, None, &["window.days"]),
        (WindowKind::Days, Some(0), None, None, &["window.days"]),
        (WindowKind::Days, Some(731), None, None, &["window.days"]),
        (
            WindowKind::Range,
            None,
            None,
            None,
            &["window.from", "window.until"],
        ),
        (
            WindowKind::Range,
            None,
            day("2027-01-02"),
            day("2027-01-01"),
            &["window.until"],
        ),
        (
            WindowKind::Range,
            None,
            day("1999-12-31"),
            day("+12027-01-01"),
            &["window.from", "window.until"],
        ),
    ];
    for (kind, days, from, until, expected) in cases {
        let window = Window {
            kind,
            days,
            from,
            until,
        };
        assert_eq!(
            violations_of(Changes {
                window: Some(window),
                ..complete()
            }),
            expected,
            "{window:?}"
        );
    }
}

#[test]
fn a_location_has_the_value_its_kind_requires() {
    let cases = [
        (LocationKind::Video, None, true),
        (LocationKind::Video, Some("https://example.com"), false),
        (LocationKind::Link, Some("https://example.com/room"), true),
        (LocationKind::Link, Some("http://example.com/room"), false),
        (LocationKind::Link, Some("  "), false),
        (LocationKind::Phone, Some("+49 (30) 123-4567"), true),
        (LocationKind::Phone, Some("030 1234567"), false),
        (LocationKind::Phone, Some("+12"), false),
        (LocationKind::Phone, None, false),
        (LocationKind::InPerson, Some("Main St 1\nSpringfield"), true),
        (LocationKind::InPerson, None, false),
    ];
    for (kind, value, is_good) in cases {
        let location = Location {
            kind,
            value: value.map(str::to_owned),
        };
        let expected: &[&str] = if is_good { &[] } else { &["location.value"] };
        assert_eq!(
            violations_of(Changes {
                location: Some(location),
                ..complete()
            }),
            expected,
            "{kind:?} {value:?}"
        );
    }
}

#[test]
fn questions_have_their_own_keys_and_choices_have_options() {
    let question = |key: &str, kind, options: &[&str]| Question {
        key: key.to_owned(),
        label: "What is your goal?".to_owned(),
        kind,
        required: true,
        options: options.iter().map(|option| (*option).to_owned()).collect(),
    };
    let questions = vec![
        question("goal", AnswerKind::ShortText, &[]),
        question("goal", AnswerKind::SingleChoice, &["a"]),
        question("Bad Key", AnswerKind::Boolean, &["yes", "no"]),
        question("area", AnswerKind::MultipleChoice, &["a", "b", "a"]),
    ];
    let found = violations_of(Changes {
        questions: Some(Questions(questions)),
        ..complete()
    });
    let expected = [
        "questions.1.key",
        "questions.1.options",
        "questions.2.key",
        "questions.2.options",
        "questions.3.options.2",
    ];
    assert_eq!(found, expected);
}

#[test]
fn policy_refunds_decrease_with_time() {
    let policy = |tiers: &[(i32, i32)]| {
        let tiers = tiers
            .iter()
            .map(|&(hours_before, refund_percent)| PolicyTier {
                hours_before,
                refund_percent,
            });
        let policy = Policy {
            tiers: tiers.collect(),
            max_moves: None,
        };
        violations_of(Changes {
            policy: Some(policy),
            ..complete()
        })
    };
    assert_eq!(
        policy(&[(8_760, 100), (24, 50), (0, 0)]),
        Vec::<String>::new()
    );
    assert_eq!(
        policy(&[(24, 50), (24, 50)]),
        ["policy.tiers.1.hoursBefore"]
    );
    assert_eq!(
        policy(&[(24, 50), (48, 40)]),
        ["policy.tiers.1.hoursBefore"]
    );
    assert_eq!(
        policy(&[(48, 50), (24, 100)]),
        ["policy.tiers.1.refundPercent"]
    );
    assert_eq!(
        policy(&[(8_761, 101)]),
        ["policy.tiers.0.hoursBefore", "policy.tiers.0.refundPercent"]
    );
}

#[test]
fn a_price_is_exact_or_refused() {
    let read = |amount: &str, currency: &str| {
        let mut problems = Problems::default();
        let price = Price {
            amount: amount.parse().expect("a literal number"),
            currency: currency.to_owned(),
        };
        let read = read_price(&mut problems, Some(price), "USD".to_owned());
        (read, problems.paths())
    };
    let none = Vec::<String>::new();
    assert_eq!(
        read("49.90", "EUR"),
        ((4_990, "EUR".to_owned()), none.clone())
    );
    assert_eq!(read("0", "JPY"), ((0, "JPY".to_owned()), none));
    assert_eq!(read("49.905", "EUR").1, ["price.amount"]);
    assert_eq!(read("-1", "EUR").1, ["price.amount"]);
    assert_eq!(read("1000000000000.01", "EUR").1, ["price.amount"]);
    assert_eq!(read("1", "euro").1, ["price.currency"]);
}
