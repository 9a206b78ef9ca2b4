//! The keys of the vault.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use entity::setting;
use ring::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
use sea_orm::ActiveValue::Set;
use sea_orm::EntityTrait as _;
use sea_orm::sea_query::OnConflict;

use crate::db::Db;
use crate::error::{Error, Result};

const ID_LENGTH_MAX: usize = 32;
/// Name in the table of settings.
const DEVELOPMENT: &str = "development_encryption_key";

/// A key with its id.
#[derive(Clone)]
pub struct Key {
    id: String,
    cipher: LessSafeKey,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

impl Key {
    /// Parses `id:base64 of 32 bytes`.
    ///
    /// # Errors
    /// A message for the operator. It contains nothing of the key.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (id, key) = text
            .split_once(':')
            .ok_or("must be `id:key`, the key being 32 random bytes in base64")?;
        let id_fits = (1..=ID_LENGTH_MAX).contains(&id.len())
            && id
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !id_fits {
            return Err(format!(
                "has a key whose id is not 1 to {ID_LENGTH_MAX} lower-case letters, digits and hyphens"
            ));
        }
        let bytes = [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD]
            .into_iter()
            .find_map(|alphabet| alphabet.decode(key).ok());
        let bytes = bytes.filter(|bytes| bytes.len() == AES_256_GCM.key_len());
        let bytes =
            bytes.ok_or_else(|| format!("has a key `{id}` that is not 32 bytes in base64"))?;
        if bytes.iter().all(|byte| *byte == bytes[0]) {
            return Err(format!("has a key `{id}` that is not random"));
        }
        Ok(Self::of(id, &bytes))
    }

    fn of(id: &str, bytes: &[u8]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, bytes).expect("the length was checked");
        Self {
            id: id.to_owned(),
            cipher: LessSafeKey::new(key),
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// `LessSafe`, as we choose the nonces: each is random and used once.
    pub(super) fn cipher(&self) -> &LessSafeKey {
        &self.cipher
    }
}

/// All keys that open; the first one seals.
#[derive(Clone, Debug)]
pub struct Keyring(Vec<Key>);

impl Keyring {
    /// `None` without any key.
    #[must_use]
    pub fn new(keys: Vec<Key>) -> Option<Self> {
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// The first id that occurs twice, if any.
    #[must_use]
    pub fn repeated_id(keys: &[Key]) -> Option<&str> {
        let again = |index: usize| {
            keys[..index]
                .iter()
                .any(|earlier| earlier.id == keys[index].id)
        };
        (0..keys.len())
            .find(|&index| again(index))
            .map(|index| keys[index].id())
    }

    pub(super) fn first(&self) -> &Key {
        self.0.first().expect("a keyring is never empty")
    }

    pub(super) fn find(&self, id: &str) -> Option<&Key> {
        self.0.iter().find(|key| key.id == id)
    }
}

/// The key of a development database, generated on first use and stored beside what it seals: it
/// protects nothing, and saves newcomers a setting.
pub async fn development_key(db: &Db) -> Result<Keyring> {
    let fresh: [u8; 32] = rand::random();
    let row = setting::ActiveModel {
        key: Set(DEVELOPMENT.to_owned()),
        value: Set(hex::encode(fresh)),
    };
    let keep = OnConflict::column(setting::Column::Key)
        .do_nothing()
        .to_owned();
    setting::Entity::insert(row)
        .on_conflict(keep)
        .exec_without_returning(db.write_one())
        .await?;
    let stored = setting::Entity::find_by_id(DEVELOPMENT.to_owned())
        .one(db.write_one())
        .await?;
    let stored = stored.ok_or_else(|| Error::internal("the development key", "vanished"))?;
    let bytes = hex::decode(stored.value)
        .ok()
        .filter(|bytes| bytes.len() == AES_256_GCM.key_len());
    let bytes = bytes.ok_or_else(|| Error::internal("the development key", "is not 32 bytes"))?;
    Ok(Keyring(vec![Key::of("development", &bytes)]))
}
