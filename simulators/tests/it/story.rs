//! Replays every recorded exchange of a real server to the stand-in: the same status and the same
//! body but for ids, times and tokens. The webhooks that the real server sent are compared too.

use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use serde_json::{Value, json};
use simulators::cal_com::{self, Limits, OAuthClient, Options, StandIn};
use simulators::{Clock, Fault, Kind, Times};

use crate::recording::{self, Delivery, Exchange};
use crate::shape::{Names, differences};
use crate::wire::{self, Answer, Subscriber};

const CLIENT: &str = "cltestclientlab0000000000";
const SECRET: &str = "lab-oauth-client-secret-not-real";

/// What cannot be replayed, and why.
const LEFT_OUT: [(&str, &str); 1] = [(
    "219-event-types-without-version-header",
    "the oldest version's event types have some hundred columns that only its own pages read",
)];

/// Lists with rows of bookings that were made between the recorded exchanges.
const LOOSE: [&str; 7] = [
    "531-bookings-list-after-updated-at",
    "533-org-bookings-after-updated-at-client-credentials",
    "534-bookings-list-all-statuses-default",
    "843-org-bookings",
    "844-org-user-bookings",
    "848-bookings-by-client-credentials",
    "824-timezones",
];

struct Story {
    cal: StandIn,
    clock: Clock,
    names: Names,
    subscriber: Subscriber,
    deliveries: Vec<Delivery>,
    told: usize,
    heard: usize,
    complaints: Vec<String>,
}

#[tokio::test]
async fn the_recorded_exchanges_replayed_have_the_same_answers() {
    let exchanges = recording::exchanges();
    let mut story = Story::begin(&exchanges).await;
    let mut at = 0;
    while let Some(exchange) = exchanges.get(at) {
        let racers = exchange.race().map_or(1, |race| {
            exchanges[at..]
                .iter()
                .take_while(|other| other.race() == Some(race))
                .count()
        });
        story.clock.set(exchange.at);
        story.between(exchange, &exchanges).await;
        story.tell(&exchanges[at..at + racers]).await;
        at += racers;
    }
    eprintln!(
        "{} exchanges and {} webhooks told again, {} left out",
        story.told,
        story.heard,
        LEFT_OUT.len()
    );
    assert!(
        story.complaints.is_empty(),
        "{}",
        story.complaints.join("\n")
    );
    assert_eq!(story.told + LEFT_OUT.len(), exchanges.len());
}

impl Story {
    async fn begin(exchanges: &[Exchange]) -> Self {
        let clock = Clock::at(exchanges[0].at);
        let client = |id: &str, secret: Option<&str>, name: &str| OAuthClient {
            id: id.to_owned(),
            secret: secret.map(str::to_owned),
            name: name.to_owned(),
            redirect_uri: "http://localhost:4321/cb".to_owned(),
        };
        let options = Options {
            clock: clock.clone(),
            client_id: CLIENT.to_owned(),
            client_secret: SECRET.to_owned(),
            client_name: "Coaching Gateway (lab)".to_owned(),
            oauth_clients: vec![
                client(
                    "lab-oauth2-confidential",
                    Some("lab-oauth2-secret-not-real"),
                    "Lab OAuth2 confidential",
                ),
                client("lab-oauth2-public", None, "Lab OAuth2 public"),
            ],
            api_key: "cal_lablablablablablablablablablablab".to_owned(),
            organization_slug: "lab-coaching-platform".to_owned(),
            limits: Limits::real(),
            ..Options::default()
        };
        let cal = cal_com::start(options).await.expect("a free port");
        let subscriber = Subscriber::listen().await;
        let mut names = Names::default();
        names.learn("http://127.0.0.1:7070", &subscriber.url);
        let deliveries = recording::deliveries();
        Self {
            cal,
            clock,
            names,
            subscriber,
            deliveries,
            told: 0,
            heard: 0,
            complaints: Vec::new(),
        }
    }

    /// Sends an exchange, or several that raced, and compares.
    async fn tell(&mut self, racers: &[Exchange]) {
        let answers = join_all(racers.iter().map(|exchange| self.send(exchange))).await;
        let mut there: Vec<&Exchange> = racers.iter().collect();
        let mut here: Vec<Answer> = answers;
        there.sort_by_key(|exchange| exchange.status);
        here.sort_by_key(|answer| answer.status);
        for (there, here) in there.into_iter().zip(here) {
            if LEFT_OUT.iter().any(|(name, _)| *name == there.name) {
                continue;
            }
            self.told += 1;
            self.compare(there, &here);
        }
        self.listen(racers[0].step());
    }

    async fn send(&self, exchange: &Exchange) -> Answer {
        let translate = |text: &String| self.names.translate(text);
        let headers: Vec<_> = exchange
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), translate(value)))
            .collect();
        let body = exchange.body.as_ref().map(translate);
        wire::send(
            &self.cal.url(),
            &exchange.method,
            &self.names.translate(&exchange.path),
            &headers,
            body,
        )
        .await
    }

    fn compare(&mut self, there: &Exchange, here: &Answer) {
        if here.status != there.status {
            self.complaints.push(format!(
                "{}: {} was {}: {}",
                there.name, here.status, there.status, here.text
            ));
            return;
        }
        assert!(
            here.headers.contains_key("x-request-id"),
            "{}: no request id",
            there.name
        );
        if let Some(location) = &there.location {
            self.compare_location(there, location, here);
            return;
        }
        let loose = LOOSE.contains(&there.name.as_str()) || there.name.starts_with("90");
        if !loose {
            self.names.learn_all(&there.answer, &here.body);
        }
        let (theirs, ours) = (
            comparable(there, &there.answer),
            comparable(there, &here.body),
        );
        let found = differences(&self.names, &theirs, &ours, loose);
        self.complaints.extend(
            found
                .into_iter()
                .map(|difference| format!("{}: {difference}", there.name)),
        );
    }

    /// A browser is sent to the same place, with a code where there was one.
    fn compare_location(&mut self, there: &Exchange, location: &str, here: &Answer) {
        let ours = here
            .headers
            .get("location")
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        if let (Some(theirs), Some(ours)) = (code(location), code(ours)) {
            self.names.learn(theirs, ours);
        }
        if self.names.translate(location) != ours {
            self.complaints
                .push(format!("{}: sent to {ours}, was {location}", there.name));
        }
    }

    /// The deliveries of this step in the recording.
    fn listen(&mut self, step: &str) {
        let mut heard = self.subscriber.take();
        for there in self
            .deliveries
            .iter()
            .filter(|delivery| delivery.step == step)
        {
            let trigger = |body: &Value| body.get("triggerEvent").or(body.get("trigger")).cloned();
            let known = self
                .cal
                .webhooks()
                .iter()
                .any(|webhook| webhook.url.ends_with(&there.path));
            if !known {
                continue;
            }
            let here = heard.iter().position(|other| {
                let body: Value = serde_json::from_slice(&other.body).unwrap_or_default();
                other.path == there.path && trigger(&body) == trigger(&there.body)
            });
            let Some(here) = here.map(|at| heard.remove(at)) else {
                self.complaints
                    .push(format!("webhook of {step} to {}: not sent", there.path));
                continue;
            };
            self.heard += 1;
            let signature = here
                .headers
                .get("x-cal-signature-256")
                .and_then(|value| value.to_str().ok());
            assert_eq!(
                signature != Some("no-secret-provided"),
                there.signed,
                "the signature to {}",
                there.path
            );
            let body: Value = serde_json::from_slice(&here.body).expect("the body is JSON");
            self.names.learn_all(&there.body, &body);
            let found = differences(&self.names, &there.body, &body, false);
            let said = found
                .into_iter()
                .map(|difference| format!("webhook of {step} to {}: {difference}", there.path));
            self.complaints.extend(said);
        }
    }

    /// What happened between the recorded exchanges, as far as later ones show it.
    async fn between(&mut self, next: &Exchange, all: &[Exchange]) {
        match next.step() {
            "050" => self.age_the_third_coach(next, all).await,
            "640" => self.shift(
                "620-booking-create-for-absent",
                all,
                "2026-11-21T00:59:04.566Z",
            ),
            "648" => self.shift(
                "647-booking-create-for-ended",
                all,
                "2026-11-20T22:29:16.066Z",
            ),
            "669b" => {
                let once = Fault::new("/v2/bookings", Kind::ProviderFailure).times(Times::Count(1));
                self.cal.faults().set(once);
            }
            "700" => self.open_the_lab(all).await,
            "060" => self.let_a_coach_come_and_go(all).await,
            "901" => self.exhaust().await,
            "083" => self.agree_again(next, all).await,
            _ => {}
        }
    }

    /// The third coach's tokens were made anew and their dates set back.
    async fn age_the_third_coach(&mut self, next: &Exchange, all: &[Exchange]) {
        let pair = self
            .as_platform("POST", "/users/4/force-refresh", json!({}))
            .await;
        self.learn_bearer(next, &pair["accessToken"]);
        let refresh = all
            .iter()
            .find(|exchange| exchange.step() == "053")
            .expect("it is recorded");
        let sent: Value =
            serde_json::from_str(refresh.body.as_deref().expect("it has a body")).expect("JSON");
        self.names
            .learn(text(&sent["refreshToken"]), text(&pair["refreshToken"]));
        self.cal.expire_access_tokens(4);
    }

    /// The second coach made something to book.
    async fn open_the_lab(&mut self, all: &[Exchange]) {
        let two = all
            .iter()
            .find(|exchange| exchange.step() == "011")
            .expect("it is recorded");
        let token = self
            .names
            .translate(text(&two.answer["data"]["accessToken"]));
        let body = json!({
            "title": "Fail lab", "slug": "fail-lab", "lengthInMinutes": 30,
            "locations": [{ "type": "link", "link": "https://meet.example.com/c2", "public": true }],
        });
        self.as_coach(&token, body).await;
    }

    async fn let_a_coach_come_and_go(&mut self, all: &[Exchange]) {
        let body = json!({ "email": "coach.gone@example.com", "name": "Coach Gone", "timeZone": "America/New_York" });
        let made = self.as_platform("POST", "/users", body).await;
        let later = all
            .iter()
            .find(|exchange| exchange.step() == "061")
            .expect("it is recorded");
        self.learn_bearer(later, &made["accessToken"]);
        let token = text(&made["accessToken"]).to_owned();
        let event_type = self
            .as_coach(
                &token,
                json!({ "title": "Gone", "slug": "gone", "lengthInMinutes": 30 }),
            )
            .await;
        let attendee = json!({ "name": "Agent Ann", "email": "ann.agent@example.com", "timeZone": "America/Chicago" });
        let body = json!({ "eventTypeId": event_type["id"], "start": "2027-01-07T15:00:00Z", "attendee": attendee });
        let booked = self.cal.page_book(body).await.expect("the time is free");
        let gone = all
            .iter()
            .find(|exchange| exchange.step() == "062")
            .expect("it is recorded");
        self.names.learn(
            gone.path.rsplit('/').next().expect("a uid"),
            text(&booked["uid"]),
        );
    }

    /// Uses the rest of a minute's quota up.
    async fn exhaust(&self) {
        let address = [("cf-connecting-ip".to_owned(), "203.0.113.9".to_owned())];
        for _ in 0..119 {
            let answer = wire::send(&self.cal.url(), "GET", "/v2/timezones", &address, None).await;
            assert_eq!(answer.status, 200);
        }
    }

    /// The code of the exchange that worked was given on another page.
    async fn agree_again(&mut self, next: &Exchange, all: &[Exchange]) {
        let agreed = all
            .iter()
            .find(|exchange| exchange.step() == "081")
            .expect("it is recorded");
        let answer = self.send(agreed).await;
        let location = answer.headers["location"]
            .to_str()
            .expect("an address")
            .to_owned();
        let sent: Value =
            serde_json::from_str(next.body.as_deref().expect("it has a body")).expect("JSON");
        self.names
            .learn(text(&sent["code"]), code(&location).expect("a code"));
    }

    /// A row whose times were changed in the database.
    fn shift(&self, made_by: &str, all: &[Exchange], start: &str) {
        let made = all
            .iter()
            .find(|exchange| exchange.name == made_by)
            .expect("it is recorded");
        let uid = self.names.translate(text(&made.answer["data"]["uid"]));
        let start: DateTime<Utc> = start.parse().expect("an instant");
        assert!(self.cal.shift_booking(&uid, start), "{uid} is there");
    }

    async fn as_platform(&self, method: &str, path: &str, body: Value) -> Value {
        let headers = [
            ("x-cal-client-id".to_owned(), CLIENT.to_owned()),
            ("x-cal-secret-key".to_owned(), SECRET.to_owned()),
            ("content-type".to_owned(), "application/json".to_owned()),
        ];
        let path = format!("/v2/oauth-clients/{CLIENT}{path}");
        wire::send(
            &self.cal.url(),
            method,
            &path,
            &headers,
            Some(body.to_string()),
        )
        .await
        .body["data"]
            .clone()
    }

    /// A coach makes an event type.
    async fn as_coach(&self, token: &str, body: Value) -> Value {
        let headers = [
            ("authorization".to_owned(), format!("Bearer {token}")),
            ("cal-api-version".to_owned(), "2024-06-14".to_owned()),
            ("content-type".to_owned(), "application/json".to_owned()),
        ];
        let made = wire::send(
            &self.cal.url(),
            "POST",
            "/v2/event-types",
            &headers,
            Some(body.to_string()),
        )
        .await;
        assert_eq!(made.status, 201, "{}", made.body);
        made.body["data"].clone()
    }

    fn learn_bearer(&mut self, exchange: &Exchange, token: &Value) {
        let header = exchange
            .headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        let there = header
            .expect("it shows a token")
            .1
            .trim_start_matches("Bearer ")
            .to_owned();
        self.names.learn(&there, text(token));
    }
}

/// Without what chance decides: which of two racers wins, and the order of rows that are listed by
/// a random id.
fn comparable(exchange: &Exchange, body: &Value) -> Value {
    let mut body = body.clone();
    if exchange.race().is_some() {
        body = serde_json::from_str(&body.to_string().replace("race1@", "race0@"))
            .expect("still JSON");
    }
    if exchange.step() == "316" {
        let path = |row: &Value| {
            text(&row["subscriberUrl"])
                .rsplit('/')
                .next()
                .map(str::to_owned)
        };
        body["data"]
            .as_array_mut()
            .expect("a list")
            .sort_by_key(path);
    }
    body
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn code(location: &str) -> Option<&str> {
    location.split_once("code=")?.1.split('&').next()
}
