//! As much of Cal.com as accounts and tokens need, over real HTTP. Its answers are those of the
//! recorded exchanges.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tests::{START, Setup, at};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const CLIENT: &str = "cltestclientlab0000000000";

/// What goes wrong with one call, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is done, and the answer is lost.
    Lost,
    /// 500, and nothing is done.
    Down,
    /// The refresh token, or the grant, is refused, and nothing is done.
    Refused,
    /// It takes so long, and works.
    Slow(u64),
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) users: BTreeMap<i64, String>,
    pub(crate) access: BTreeMap<String, i64>,
    pub(crate) refresh: BTreeMap<String, i64>,
    pub(crate) keys: BTreeMap<String, i64>,
    /// Codes, each with the challenge and the account it was given for.
    pub(crate) codes: BTreeMap<String, (String, i64)>,
    pub(crate) faults: BTreeMap<&'static str, VecDeque<Fault>>,
    pub(crate) calls: BTreeMap<&'static str, usize>,
    /// Everything secret that was ever given out.
    pub(crate) secrets: BTreeSet<String>,
    /// What clock the answers follow, in milliseconds after the start of the test.
    pub(crate) later: i64,
    serial: i64,
}

/// The stand-in.
#[derive(Clone)]
pub(crate) struct Lab {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

impl Lab {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free loopback port");
        let url = format!(
            "http://{}",
            listener
                .local_addr()
                .expect("a bound socket has an address")
        );
        let lab = Self {
            url,
            state: Arc::default(),
        };
        let serving = lab.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let lab = serving.clone();
                tokio::spawn(async move { lab.serve(socket).await });
            }
        });
        lab
    }

    /// An application wired to it.
    pub(crate) fn setup(&self) -> Setup {
        Setup::default()
            .setting("CALCOM_API_URL", &self.url)
            .setting("CALCOM_APP_URL", &self.url)
            .setting("CALCOM_CLIENT_ID", CLIENT)
            .setting("CALCOM_CLIENT_SECRET", "canary-client-secret")
            .setting("CALCOM_OAUTH_CLIENT_ID", "lab-oauth")
            .setting("CALCOM_OAUTH_CLIENT_SECRET", "canary-oauth-secret")
            .setting("OAUTH_REDIRECTS", "https://app.example.com")
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with it")
    }

    pub(crate) fn calls(&self, what: &str) -> usize {
        self.state().calls.get(what).copied().unwrap_or_default()
    }

    pub(crate) fn fail(&self, what: &'static str, faults: &[Fault]) {
        self.state().faults.entry(what).or_default().extend(faults);
    }

    async fn serve(&self, mut socket: TcpStream) {
        while let Some((head, body)) = read(&mut socket).await {
            let mut words = head.split(' ');
            let (method, target) = (
                words.next().unwrap_or_default(),
                words.next().unwrap_or_default(),
            );
            let (path, query) = target.split_once('?').unwrap_or((target, ""));
            let bearer = head.lines().find_map(|line| {
                line.split_once(": ")
                    .filter(|(name, _)| name.eq_ignore_ascii_case("authorization"))
            });
            let bearer = bearer
                .and_then(|(_, value)| value.strip_prefix("Bearer "))
                .unwrap_or_default()
                .trim();
            let what = route(method, path);
            let fault = {
                let mut state = self.state();
                *state.calls.entry(what).or_default() += 1;
                state.faults.get_mut(what).and_then(VecDeque::pop_front)
            };
            if let Some(Fault::Slow(ms)) = fault {
                tokio::time::sleep(std::time::Duration::from_millis(ms)).await;
            }
            let (status, answer) = match fault {
                Some(Fault::Down) => refusal(500, "INTERNAL_SERVER_ERROR", "Internal server error"),
                Some(Fault::Refused) if what == "token" => grant_refused(),
                Some(Fault::Refused) => {
                    refusal(400, "BadRequestException", "Invalid refresh token")
                }
                _ => self.state().answer(what, path, query, bearer, &body),
            };
            if fault == Some(Fault::Lost) {
                return;
            }
            let text = answer.to_string();
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                text.len()
            );
            if socket
                .write_all(format!("{head}{text}").as_bytes())
                .await
                .is_err()
            {
                return;
            }
        }
    }
}

async fn read(socket: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.trim().parse::<usize>().ok())?
            });
            let length = length.unwrap_or_default();
            while bytes.len() < end + 4 + length {
                more(socket, &mut bytes).await?;
            }
            return Some((
                head,
                String::from_utf8_lossy(&bytes[end + 4..]).into_owned(),
            ));
        }
        more(socket, &mut bytes).await?;
    }
}

async fn more(socket: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<()> {
    (socket.read_buf(bytes).await.ok()? > 0).then_some(())
}

fn route(method: &str, path: &str) -> &'static str {
    match (method, path.trim_start_matches("/v2/")) {
        ("GET", "me") => "me",
        ("POST", "auth/oauth2/token") => "token",
        ("POST", path) if path.ends_with("/force-refresh") => "force",
        ("POST", path) if path.ends_with("/refresh") => "refresh",
        ("POST", path) if path.ends_with("/users") => "create",
        ("GET", path) if path.ends_with("/users") => "list",
        ("DELETE", path) if path.contains("/users/") => "delete",
        _ => "unknown",
    }
}

fn refusal(status: u16, code: &str, message: &str) -> (u16, Value) {
    let details = json!({ "message": message, "error": code, "statusCode": status });
    let error = json!({ "code": code, "message": message, "details": details });
    (
        status,
        json!({ "status": "error", "timestamp": START, "path": "/", "error": error }),
    )
}

fn grant_refused() -> (u16, Value) {
    (
        400,
        json!({ "error": "invalid_grant", "error_description": "invalid_grant" }),
    )
}

impl State {
    fn answer(
        &mut self,
        what: &str,
        path: &str,
        query: &str,
        bearer: &str,
        body: &str,
    ) -> (u16, Value) {
        let read: Value = serde_json::from_str(body).unwrap_or_default();
        let id = path
            .split('/')
            .filter_map(|step| step.parse().ok())
            .next_back()
            .unwrap_or_default();
        match what {
            "create" => self.create(read["email"].as_str().unwrap_or_default()),
            "list" => {
                let wanted = query
                    .strip_prefix("emails=")
                    .unwrap_or_default()
                    .replace("%40", "@");
                let found = self.users.iter().filter(|(_, email)| **email == wanted);
                let found: Vec<_> = found.map(|(id, email)| user(*id, email)).collect();
                (200, json!({ "status": "success", "data": found }))
            }
            "force" if !self.users.contains_key(&id) => refusal(
                404,
                "NotFoundException",
                &format!("User with ID {id} is not part of this OAuth client."),
            ),
            "force" => {
                self.access.retain(|_, owner| *owner != id);
                self.refresh.retain(|_, owner| *owner != id);
                (200, json!({ "status": "success", "data": self.pair(id) }))
            }
            "refresh" => match self
                .refresh
                .remove(read["refreshToken"].as_str().unwrap_or_default())
            {
                Some(id) => (200, json!({ "status": "success", "data": self.pair(id) })),
                None => refusal(400, "BadRequestException", "Invalid refresh token"),
            },
            "delete" => match self.users.remove(&id) {
                Some(email) => {
                    self.access.retain(|_, owner| *owner != id);
                    self.refresh.retain(|_, owner| *owner != id);
                    (
                        200,
                        json!({ "status": "success", "data": user(id, &email) }),
                    )
                }
                None => refusal(
                    404,
                    "NotFoundException",
                    &format!("User with ID {id} is not part of this OAuth client."),
                ),
            },
            "me" => self.me(bearer),
            "token" => self.token(body),
            _ => refusal(404, "NotFoundException", &format!("Cannot GET {path}")),
        }
    }

    fn create(&mut self, email: &str) -> (u16, Value) {
        if let Some((id, _)) = self.users.iter().find(|(_, known)| *known == email) {
            let message =
                format!("User with the provided e-mail already exists. Existing user ID={id}");
            return refusal(409, "ConflictException", &message);
        }
        let id = 2 + self.users.len() as i64;
        self.users.insert(id, email.to_owned());
        let mut data = self.pair(id);
        data["user"] = user(id, email);
        (201, json!({ "status": "success", "data": data }))
    }

    fn me(&self, bearer: &str) -> (u16, Value) {
        let known = self.access.get(bearer).or_else(|| self.keys.get(bearer));
        match known.and_then(|id| Some((id, self.users.get(id)?))) {
            Some((id, email)) => (
                200,
                json!({ "status": "success", "data": user(*id, email) }),
            ),
            None if bearer.starts_with("cal_") => refusal(
                401,
                "UnauthorizedException",
                "CustomThrottlerGuard - Invalid API Key",
            ),
            None => refusal(401, "UnauthorizedException", "Invalid Access Token."),
        }
    }

    fn token(&mut self, body: &str) -> (u16, Value) {
        let form: BTreeMap<_, _> = body
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .collect();
        let field = |name: &str| form.get(name).copied().unwrap_or_default();
        let owner = if field("grant_type") == "refresh_token" {
            // They keep working after they were used.
            self.refresh.get(field("refresh_token")).copied()
        } else {
            let proof = URL_SAFE_NO_PAD.encode(Sha256::digest(field("code_verifier")));
            let given = self.codes.remove(field("code"));
            given
                .filter(|(challenge, _)| *challenge == proof)
                .map(|(_, id)| id)
        };
        let Some(id) = owner else {
            return grant_refused();
        };
        let pair = self.pair(id);
        let answer = json!({
            "access_token": pair["accessToken"], "refresh_token": pair["refreshToken"], "token_type": "bearer",
            "expires_in": 1800,
        });
        (200, answer)
    }

    fn pair(&mut self, id: i64) -> Value {
        self.serial += 1;
        let (access, refresh) = (
            format!("canary-access-{}", self.serial),
            format!("canary-refresh-{}", self.serial),
        );
        self.access.insert(access.clone(), id);
        self.refresh.insert(refresh.clone(), id);
        self.secrets.extend([access.clone(), refresh.clone()]);
        let now = at(START).timestamp_millis() + self.later;
        json!({
            "accessToken": access, "refreshToken": refresh,
            "accessTokenExpiresAt": now + 3_600_000, "refreshTokenExpiresAt": now + 365 * 86_400_000_i64,
        })
    }
}

fn user(id: i64, email: &str) -> Value {
    let kept = email.replace('@', &format!("+{CLIENT}@"));
    json!({
        "id": id, "email": kept, "username": format!("coach-{id}"), "name": "Coach", "bio": null, "timeZone": "America/New_York",
        "weekStart": "Monday", "createdDate": "2026-11-21T01:17:28.487Z", "timeFormat": 12, "defaultScheduleId": 1,
        "locale": "en", "avatarUrl": null, "metadata": {},
    })
}
