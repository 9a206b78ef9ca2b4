use std::collections::BTreeSet;

use super::*;

const PLACE: Place<'_> = Place {
    table: "connection",
    row: "01",
    column: "access_token",
};

fn key(id: &str) -> Key {
    let bytes: [u8; 32] = rand::random();
    Key::parse(&format!(
        "{id}:{}",
        base64::engine::general_purpose::STANDARD.encode(bytes)
    ))
    .expect("a sound key")
}

fn vault(keys: &[&Key]) -> Vault {
    Vault::new(
        Keyring::new(keys.iter().map(|key| (*key).clone()).collect()).expect("there are keys"),
    )
}

fn opened(vault: &Vault, sealed: &str) -> Result<String, VaultError> {
    vault
        .open(PLACE, sealed)
        .map(|plain| plain.expose_secret().to_owned())
}

#[test]
fn sealed_values_open_and_reveal_nothing() {
    let vault = vault(&[&key("a")]);
    for plain in ["", "token", "ünïcödé\n\0", &"x".repeat(100_000)] {
        let sealed = vault.seal(PLACE, plain).expect("there is a key");
        assert!(sealed.starts_with("v1.a."), "{sealed}");
        assert!(plain.is_empty() || !sealed.contains(plain));
        assert_eq!(opened(&vault, &sealed).as_deref(), Ok(plain));
    }
    assert!(!format!("{vault:?}").contains("LessSafeKey"), "{vault:?}");
}

/// Flips every single bit.
#[test]
fn tampering_is_detected() {
    let vault = vault(&[&key("a")]);
    let sealed = vault.seal(PLACE, "token").expect("there is a key");
    let bytes = URL_SAFE_NO_PAD
        .decode(&sealed["v1.a.".len()..])
        .expect("base64");
    for place in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[place / 8] ^= 1 << (place % 8);
        let changed = format!("v1.a.{}", URL_SAFE_NO_PAD.encode(changed));
        assert_eq!(
            opened(&vault, &changed),
            Err(VaultError::NotGenuine),
            "bit {place}"
        );
    }
    for bad in [
        "",
        "token",
        "v1",
        "v1.a",
        "v1.a.",
        "v1.a.AAAA",
        "v2.a.AAAA",
        "v1.a.=",
        &sealed[..sealed.len() - 1],
    ] {
        assert_eq!(opened(&vault, bad), Err(VaultError::NotGenuine), "{bad}");
    }
}

#[test]
fn a_value_opens_only_in_its_place() {
    let vault = vault(&[&key("a")]);
    let sealed = vault.seal(PLACE, "token").expect("there is a key");
    for place in [
        Place { row: "02", ..PLACE },
        Place {
            column: "refresh_token",
            ..PLACE
        },
        Place {
            table: "note",
            ..PLACE
        },
        Place {
            table: "connection01",
            row: "",
            column: "access_token",
        },
        Place {
            table: "",
            row: "connection",
            column: "01access_token",
        },
    ] {
        assert_eq!(
            vault.open(place, &sealed).map(|_| ()),
            Err(VaultError::NotGenuine),
            "{place:?}"
        );
    }
}

#[test]
fn a_missing_key_is_named() {
    let (old, new) = (key("old"), key("new"));
    let sealed = vault(&[&old]).seal(PLACE, "token").expect("there is a key");
    assert_eq!(
        opened(&vault(&[&new]), &sealed),
        Err(VaultError::UnknownKey("old".to_owned()))
    );
    let impostor = vault(&[&key("old")]);
    assert_eq!(
        opened(&impostor, &sealed),
        Err(VaultError::NotGenuine),
        "the name alone opens nothing"
    );
    assert_eq!(opened(&Vault::default(), &sealed), Err(VaultError::Closed));
    assert_eq!(Vault::default().seal(PLACE, "x"), Err(VaultError::Closed));
}

#[test]
fn keys_are_replaced_one_after_another() {
    let (old, new) = (key("old"), key("new"));
    let sealed = vault(&[&old]).seal(PLACE, "token").expect("there is a key");
    let both = vault(&[&new, &old]);
    assert_eq!(
        opened(&both, &sealed).as_deref(),
        Ok("token"),
        "the old key still opens"
    );
    let again = both
        .reseal(PLACE, &sealed)
        .expect("it opens")
        .expect("it was under the old key");
    assert!(again.starts_with("v1.new."));
    assert_eq!(
        both.reseal(PLACE, &again),
        Ok(None),
        "nothing is left to do"
    );
    assert_eq!(
        opened(&vault(&[&new]), &again).as_deref(),
        Ok("token"),
        "the old key can go"
    );
}

#[test]
fn nonces_do_not_repeat() {
    let vault = vault(&[&key("a")]);
    let sealed = (0..20_000).map(|_| vault.seal(PLACE, "same").expect("there is a key"));
    // 12 bytes are 16 characters of base64.
    let nonces: BTreeSet<_> = sealed
        .map(|sealed| sealed["v1.a.".len()..][..16].to_owned())
        .collect();
    assert_eq!(nonces.len(), 20_000);
}

#[test]
fn keys_are_32_random_bytes_with_an_id() {
    let bytes: [u8; 32] =
        std::array::from_fn(|place| u8::try_from(place).expect("a small number") ^ 0xfb);
    for alphabet in [
        base64::engine::general_purpose::STANDARD,
        base64::engine::general_purpose::URL_SAFE,
    ] {
        Key::parse(&format!("2026-11:{}", alphabet.encode(bytes)))
            .expect("both alphabets are common");
    }
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    let short = base64::engine::general_purpose::STANDARD.encode([7; 16]);
    let zeros = base64::engine::general_purpose::STANDARD.encode([0; 32]);
    for bad in [
        &text,
        "",
        ":",
        "a",
        "a:",
        &format!("A:{text}"),
        &format!("a.b:{text}"),
        &format!("a:{short}"),
        &format!("a:{zeros}"),
        &format!("a:{text}AAAA"),
        &format!("{}:{text}", "a".repeat(33)),
    ] {
        let message = Key::parse(bad).expect_err("no key");
        assert!(!message.contains(&text), "{message}");
    }
}
