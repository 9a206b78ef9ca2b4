//! Sessions: begun, attended, ended and rated.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tests::{Actor, Answer, TestApp, at, both};

use crate::booking::{MINE, create, id_of, reschedule};

both![
    a_session_runs_from_upcoming_to_completed,
    an_absent_participant_makes_it_a_no_show,
    a_session_that_nobody_ends_gets_its_outcome_from_the_sweep,
    nothing_is_marked_before_the_start,
    a_session_that_was_begun_early_and_moved_is_upcoming_again,
    a_canceled_session_cannot_be_changed,
    only_the_coach_runs_a_session,
    only_its_client_rates_a_completed_session,
    the_history_says_what_changed,
    a_subscriber_sees_every_step,
    lists_show_ones_own_by_start,
    a_cursor_of_another_list_is_refused,
    concurrent_completions_have_one_effect,
];

const SESSION: &str = "session { id status coachAttendance clientAttendance startedAt endedAt rating version booking { status } }";
const START: &str = "2026-11-24T15:00:00Z";

/// A confirmed booking of Maria's with Nora at [`START`]: its id, and the session's.
async fn booked(app: &TestApp) -> (String, String) {
    let offer = app.offer("nora", "coaching-60").await;
    let maria = app.client("maria");
    let id = id_of(&create(&maria, &offer.order(at(START))).await);
    let answer = maria
        .gql(
            "query($id: ID!) { booking(id: $id) { session { id } } }",
            json!({ "id": id }),
        )
        .await;
    (id, answer.text("/booking/session/id"))
}

/// Moves the clock to so many minutes after the start.
fn pass(app: &TestApp, minutes: i64) {
    app.clock
        .advance(at(START) + TimeDelta::minutes(minutes) - app.now());
}

async fn run(actor: &Actor<'_>, mutation: &str, session: &str) -> Answer {
    actor
        .mutate(mutation, json!({ "sessionId": session }), SESSION)
        .await
}

async fn mark(actor: &Actor<'_>, session: &str, coach: &str, client: &str) -> Answer {
    let input =
        json!({ "sessionId": session, "coachAttendance": coach, "clientAttendance": client });
    actor.mutate("markAttendance", input, SESSION).await
}

async fn a_session_runs_from_upcoming_to_completed(app: &TestApp) {
    let (_, session) = booked(app).await;
    let nora = app.coach("nora");
    pass(app, -16);
    assert_eq!(
        run(&nora, "startSession", &session).await.user_errors(),
        ["INVALID_STATE"]
    );
    pass(app, -15);
    let begun = run(&nora, "startSession", &session).await;
    assert_eq!(begun.at("/startSession/session/status"), "IN_PROGRESS");
    assert_eq!(
        begun.at("/startSession/session/startedAt"),
        "2026-11-24T14:45:00.000Z"
    );
    assert_eq!(
        run(&nora, "startSession", &session).await.user_errors(),
        ["INVALID_STATE"]
    );
    assert_eq!(
        run(&nora, "completeSession", &session).await.user_errors(),
        ["INVALID_STATE"],
        "before its time"
    );
    pass(app, 50);
    mark(&nora, &session, "PRESENT", "PRESENT").await.ok();
    let done = run(&nora, "completeSession", &session).await;
    let expected = json!({
        "id": session, "status": "COMPLETED", "coachAttendance": "PRESENT", "clientAttendance": "PRESENT",
        "startedAt": "2026-11-24T14:45:00.000Z", "endedAt": "2026-11-24T15:50:00.000Z", "rating": null, "version": 4,
        "booking": { "status": "COMPLETED" },
    });
    assert_eq!(done.at("/completeSession/session"), &expected);
    assert_eq!(
        run(&nora, "completeSession", &session).await.user_errors(),
        ["INVALID_STATE"]
    );
    app.run_jobs().await;
}

async fn an_absent_participant_makes_it_a_no_show(app: &TestApp) {
    let (_, session) = booked(app).await;
    let nora = app.coach("nora");
    pass(app, 20);
    let absent = mark(&nora, &session, "PRESENT", "ABSENT").await;
    assert_eq!(
        absent.at("/markAttendance/session/status"),
        "UPCOMING",
        "it is not over yet"
    );
    let done = run(&nora, "completeSession", &session).await;
    assert_eq!(done.at("/completeSession/session/status"), "NO_SHOW");
    assert_eq!(
        done.at("/completeSession/session/booking/status"),
        "COMPLETED"
    );
    let found = mark(&nora, &session, "PRESENT", "PRESENT").await;
    assert_eq!(
        found.at("/markAttendance/session/status"),
        "COMPLETED",
        "a mistake can be mended"
    );
    let input = json!({ "sessionId": session, "coachAttendance": "ABSENT" });
    let again = nora.mutate("markAttendance", input, SESSION).await;
    assert_eq!(again.at("/markAttendance/session/status"), "NO_SHOW");
    assert_eq!(
        again.at("/markAttendance/session/clientAttendance"),
        "PRESENT"
    );
    app.run_jobs().await;
}

async fn a_session_that_nobody_ends_gets_its_outcome_from_the_sweep(app: &TestApp) {
    let (id, session) = booked(app).await;
    pass(app, 5);
    mark(&app.coach("nora"), &session, "PRESENT", "ABSENT")
        .await
        .ok();
    pass(app, 60 + 15);
    app.sweep().await;
    let row = app.session_of(&id).await.expect("it was confirmed");
    assert_eq!(row.status, entity::session::Status::NoShow);
    assert_eq!(row.ended_at, Some(at("2026-11-24T16:00:00Z")));
}

async fn nothing_is_marked_before_the_start(app: &TestApp) {
    let (_, session) = booked(app).await;
    let nora = app.coach("nora");
    assert_eq!(
        mark(&nora, &session, "PRESENT", "PRESENT")
            .await
            .user_errors(),
        ["INVALID_STATE"]
    );
    pass(app, 0);
    let nobody = nora
        .mutate("markAttendance", json!({ "sessionId": session }), SESSION)
        .await;
    assert_eq!(nobody.user_errors(), ["INVALID"]);
    assert_eq!(
        mark(&nora, &session, "UNKNOWN", "PRESENT").await.fields(),
        ["coachAttendance"]
    );
    mark(&nora, &session, "PRESENT", "PRESENT").await.ok();
    let stale = json!({ "sessionId": session, "clientAttendance": "ABSENT", "version": 1 });
    assert_eq!(
        nora.mutate("markAttendance", stale, SESSION)
            .await
            .user_errors(),
        ["VERSION_CONFLICT"]
    );
}

async fn a_session_that_was_begun_early_and_moved_is_upcoming_again(app: &TestApp) {
    let (id, session) = booked(app).await;
    let nora = app.coach("nora");
    pass(app, -10);
    run(&nora, "startSession", &session).await.ok();
    reschedule(&nora, &id, "2026-11-25T15:00:00Z").await.ok();
    let row = app.session_of(&id).await.expect("it was confirmed");
    assert_eq!(
        (row.status, row.started_at),
        (entity::session::Status::Upcoming, None)
    );
    app.run_jobs().await;
}

async fn a_canceled_session_cannot_be_changed(app: &TestApp) {
    let (id, session) = booked(app).await;
    let nora = app.coach("nora");
    crate::booking::cancel(&app.client("maria"), &id).await.ok();
    pass(app, 10);
    for mutation in ["startSession", "completeSession"] {
        assert_eq!(
            run(&nora, mutation, &session).await.user_errors(),
            ["INVALID_STATE"],
            "{mutation}"
        );
    }
    assert_eq!(
        mark(&nora, &session, "PRESENT", "ABSENT")
            .await
            .user_errors(),
        ["INVALID_STATE"]
    );
    app.run_jobs().await;
}

async fn only_the_coach_runs_a_session(app: &TestApp) {
    let (_, session) = booked(app).await;
    pass(app, 10);
    for mutation in ["startSession", "completeSession"] {
        let client = run(&app.client("maria"), mutation, &session).await;
        assert_eq!(client.code(), Some("FORBIDDEN"), "{mutation}");
        assert_eq!(
            run(&app.coach("marcus"), mutation, &session)
                .await
                .user_errors(),
            ["NOT_FOUND"],
            "{mutation}"
        );
        assert_eq!(
            run(&app.visitor(), mutation, &session).await.code(),
            Some("UNAUTHENTICATED"),
            "{mutation}"
        );
    }
    let query = "query($id: ID!) { session(id: $id) { status } }";
    assert_eq!(
        app.client("james")
            .gql(query, json!({ "id": session }))
            .await
            .code(),
        Some("NOT_FOUND")
    );
    for friend in [app.client("maria"), app.coach("nora"), app.admin()] {
        assert_eq!(
            friend
                .gql(query, json!({ "id": session }))
                .await
                .at("/session/status"),
            "UPCOMING"
        );
    }
    let staff = run(&app.admin(), "startSession", &session).await;
    assert_eq!(
        staff.at("/startSession/session/status"),
        "IN_PROGRESS",
        "staff may stand in"
    );
    let missing = format!("session_{}", "0".repeat(32));
    assert_eq!(
        run(&app.admin(), "startSession", &missing)
            .await
            .user_errors(),
        ["NOT_FOUND"]
    );
}

async fn only_its_client_rates_a_completed_session(app: &TestApp) {
    let (_, session) = booked(app).await;
    let (maria, nora) = (app.client("maria"), app.coach("nora"));
    let rate = async |actor: &Actor<'_>, rating: i32| {
        actor
            .mutate(
                "rateSession",
                json!({ "sessionId": session, "rating": rating }),
                SESSION,
            )
            .await
    };
    assert_eq!(rate(&maria, 5).await.user_errors(), ["INVALID_STATE"]);
    pass(app, 60);
    run(&nora, "completeSession", &session).await.ok();
    for wrong in [0, 6, -1] {
        assert_eq!(rate(&maria, wrong).await.fields(), ["rating"]);
    }
    assert_eq!(rate(&nora, 5).await.code(), Some("FORBIDDEN"));
    assert_eq!(rate(&app.admin(), 5).await.code(), Some("FORBIDDEN"));
    assert_eq!(
        rate(&app.client("james"), 1).await.user_errors(),
        ["NOT_FOUND"]
    );
    assert_eq!(rate(&maria, 4).await.at("/rateSession/session/rating"), 4);
    assert_eq!(rate(&maria, 5).await.at("/rateSession/session/rating"), 5);
    app.run_jobs().await;
}

async fn the_history_says_what_changed(app: &TestApp) {
    let (id, session) = booked(app).await;
    let booking = app.booking(&id).await;
    let nora = app.coach("nora");
    pass(app, 0);
    run(&nora, "startSession", &session).await.ok();
    mark(&nora, &session, "PRESENT", "ABSENT").await.ok();
    run(&nora, "completeSession", &session).await.ok();
    let history = app.history().await;
    let lines: Vec<_> = history
        .iter()
        .filter(|line| line.booking_id == booking.id && line.version > booking.version)
        .collect();
    let kinds: Vec<_> = lines
        .iter()
        .map(|line| (sea_orm::ActiveEnum::to_value(&line.kind), line.version))
        .collect();
    let first = booking.version;
    let expected = [
        ("SESSION_STARTED", 1),
        ("ATTENDANCE_MARKED", 2),
        ("COMPLETED", 3),
    ];
    assert_eq!(
        kinds,
        expected.map(|(kind, after)| (kind.to_owned(), first + after))
    );
    let unknown = json!({ "sessionStatus": "IN_PROGRESS", "coachAttendance": "UNKNOWN", "clientAttendance": "UNKNOWN" });
    let told = json!({ "sessionStatus": "IN_PROGRESS", "coachAttendance": "PRESENT", "clientAttendance": "ABSENT" });
    assert_eq!(
        (&lines[1].before, &lines[1].after),
        (&Some(unknown), &Some(told))
    );
    let account = app.user("nora").await.id;
    assert!(lines.iter().all(|line| line.actor_id == Some(account)));
    app.run_jobs().await;
}

async fn a_subscriber_sees_every_step(app: &TestApp) {
    let (id, session) = booked(app).await;
    let (maria, nora) = (app.client("maria"), app.coach("nora"));
    let mut live = maria.subscribe(MINE, json!({})).await;
    live.next().await;
    pass(app, 0);
    run(&nora, "startSession", &session).await.ok();
    run(&nora, "completeSession", &session).await.ok();
    for kind in ["SESSION_STARTED", "COMPLETED"] {
        let said = live.next().await;
        assert_eq!(said["change"]["kind"], kind);
        assert_eq!(said["booking"]["id"], id.as_str());
    }
    app.run_jobs().await;
}

async fn lists_show_ones_own_by_start(app: &TestApp) {
    let (_, session) = booked(app).await;
    let query = "query($role: BookingRole, $filter: SessionFilter) { viewer { sessions(role: $role, filter: $filter, first: 50) {
        totalCount nodes { id status booking { startsAt } } } } }";
    let maria = app.client("maria");
    let list = async |actor: &Actor<'_>, variables: Value| {
        let answer = actor.gql(query, variables).await;
        answer
            .at("/viewer/sessions/nodes")
            .as_array()
            .expect("a list")
            .clone()
    };
    let all = list(&maria, json!({})).await;
    let starts: Vec<&str> = all
        .iter()
        .filter_map(|node| node["booking"]["startsAt"].as_str())
        .collect();
    assert!(
        starts.len() == 4 && starts.is_sorted(),
        "two over, two to come: {starts:?}"
    );
    let coming = list(&maria, json!({ "filter": { "statuses": ["UPCOMING"] } })).await;
    assert_eq!(coming.len(), 2);
    let range = json!({ "startsFrom": START, "startsBefore": "2026-11-24T15:00:00.001Z" });
    let one = list(&maria, json!({ "filter": range })).await;
    assert_eq!(
        one.iter().map(|node| &node["id"]).collect::<Vec<_>>(),
        [&json!(session)]
    );
    assert_eq!(list(&maria, json!({ "role": "CLIENT" })).await, all);
    let as_coach = maria.gql(query, json!({ "role": "COACH" })).await;
    assert_eq!(as_coach.code(), Some("FORBIDDEN"));
    assert_eq!(
        list(
            &app.coach("nora"),
            json!({ "role": "COACH", "filter": range })
        )
        .await,
        one
    );
    assert_eq!(
        list(&app.client("james"), json!({ "filter": range })).await,
        Vec::<Value>::new()
    );
    let everyone = "{ admin { sessions { totalCount } } }";
    let held = app.bookings().await.len();
    assert_eq!(
        app.admin()
            .gql(everyone, json!({}))
            .await
            .at("/admin/sessions/totalCount"),
        held,
        "all were confirmed"
    );
    assert_eq!(
        app.coach("nora").gql(everyone, json!({})).await.code(),
        Some("FORBIDDEN")
    );
}

async fn concurrent_completions_have_one_effect(app: &TestApp) {
    let (id, session) = booked(app).await;
    let (nora, admin) = (app.coach("nora"), app.admin());
    pass(app, 30);
    let people = [&nora, &admin, &nora, &admin];
    let answers = futures_util::future::join_all(
        people.map(|person| run(person, "completeSession", &session)),
    )
    .await;
    assert_eq!(
        answers
            .iter()
            .filter(|answer| answer.user_errors().is_empty())
            .count(),
        1
    );
    assert_eq!(
        answers
            .iter()
            .filter(|answer| answer.user_errors() == ["INVALID_STATE"])
            .count(),
        3
    );
    let row = app.session_of(&id).await.expect("it was confirmed");
    assert_eq!(row.version, 2);
    app.run_jobs().await;
}

async fn a_cursor_of_another_list_is_refused(app: &TestApp) {
    booked(app).await;
    let maria = app.client("maria");
    let query = "query($s: String, $b: String) { viewer {
        sessions(after: $s) { pageInfo { endCursor } } bookings(after: $b) { pageInfo { endCursor } } } }";
    let all = maria.gql(query, json!({})).await;
    let (of_sessions, of_bookings) = (
        all.text("/viewer/sessions/pageInfo/endCursor"),
        all.text("/viewer/bookings/pageInfo/endCursor"),
    );
    maria
        .gql(query, json!({ "s": of_sessions, "b": of_bookings }))
        .await
        .ok();
    // Both lists go by start and id: nothing else tells their cursors apart.
    for refused in [json!({ "s": of_bookings }), json!({ "b": of_sessions })] {
        let answer = maria.gql(query, refused.clone()).await;
        assert_eq!(answer.code(), Some("BAD_USER_INPUT"), "{refused}");
    }
    let other = app
        .visitor()
        .gql(
            "{ coaches(first: 1) { pageInfo { endCursor } } }",
            json!({}),
        )
        .await;
    let query = "query($after: String) {
        coach(by: { handle: \"nora-whitfield\" }) { eventTypes(after: $after) { nodes { id } } } }";
    let after = json!({ "after": other.text("/coaches/pageInfo/endCursor") });
    assert_eq!(
        app.visitor().gql(query, after).await.code(),
        Some("BAD_USER_INPUT"),
        "names and titles are alike too"
    );
}
