//! Checks that every sealed value in the database opens: for `courtside doctor`.

use std::collections::BTreeSet;

use entity::booking::Answers;
use entity::{Uuid, booking, connection, note, webhook_registration};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::Result;
use crate::app::App;
use crate::vault::{Place, VaultError, row_key};

/// Values per statement.
const BATCH: u64 = 1_000;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Sealed values that open.
    pub good: u64,
    /// How many of those are under an older key.
    pub older: u64,
    /// Sealed values that do not open.
    pub bad: u64,
    /// Ids of missing keys that some of those name.
    pub missing: BTreeSet<String>,
}

/// Tries every sealed value with the keys there are. What opens is not looked at: nothing of it
/// leaves the vault.
pub async fn check(app: &App) -> Result<Checked> {
    use connection::Column as C;
    use note::Column as N;
    use webhook_registration::Column as W;

    let mut found = Checked::default();
    check_column::<connection::Entity>(
        app,
        (C::Id, C::AccessToken),
        ("connection", "access_token"),
        &mut found,
    )
    .await?;
    check_column::<connection::Entity>(
        app,
        (C::Id, C::RefreshToken),
        ("connection", "refresh_token"),
        &mut found,
    )
    .await?;
    let table = "webhook_registration";
    check_column::<webhook_registration::Entity>(
        app,
        (W::Id, W::Secret),
        (table, "secret"),
        &mut found,
    )
    .await?;
    let previous = (table, "previous_secret");
    check_column::<webhook_registration::Entity>(
        app,
        (W::Id, W::PreviousSecret),
        previous,
        &mut found,
    )
    .await?;
    check_answers(app, &mut found).await?;
    // Notes that were written before they were sealed have no key.
    let mut after = Uuid::nil();
    loop {
        let rows: Vec<(Uuid, String)> = note::Entity::find()
            .select_only()
            .columns([N::Id, N::Body])
            .filter(N::BodyKey.is_not_null())
            .filter(N::Id.gt(after))
            .order_by_asc(N::Id)
            .limit(BATCH)
            .into_tuple()
            .all(app.db.read())
            .await?;
        let Some((last, _)) = rows.last() else {
            return Ok(found);
        };
        after = *last;
        found.add(app, ("note", "body"), &rows);
    }
}

async fn check_answers(app: &App, found: &mut Checked) -> Result<()> {
    use booking::Column as B;

    let mut after = Uuid::nil();
    loop {
        let rows: Vec<(Uuid, Answers)> = booking::Entity::find()
            .select_only()
            .columns([B::Id, B::Answers])
            .filter(Expr::cust("cast(answers as text)").ne("[]"))
            .filter(B::Id.gt(after))
            .order_by_asc(B::Id)
            .limit(BATCH)
            .into_tuple()
            .all(app.db.read())
            .await?;
        let Some((last, _)) = rows.last() else {
            return Ok(());
        };
        after = *last;
        let sealed = rows.into_iter().filter_map(|(id, answers)| match answers {
            Answers::Sealed(sealed) => Some((id, sealed)),
            Answers::Plain(_) => None,
        });
        found.add(app, ("booking", "answers"), &sealed.collect::<Vec<_>>());
    }
}

async fn check_column<E: EntityTrait>(
    app: &App,
    (id, column): (E::Column, E::Column),
    place: (&str, &str),
    found: &mut Checked,
) -> Result<()> {
    let mut after = Uuid::nil();
    loop {
        let rows: Vec<(Uuid, String)> = E::find()
            .select_only()
            .columns([id, column])
            .filter(column.is_not_null())
            .filter(id.gt(after))
            .order_by_asc(id)
            .limit(BATCH)
            .into_tuple()
            .all(app.db.read())
            .await?;
        let Some((last, _)) = rows.last() else {
            return Ok(());
        };
        after = *last;
        found.add(app, place, &rows);
    }
}

impl Checked {
    fn add(&mut self, app: &App, (table, column): (&str, &str), rows: &[(Uuid, String)]) {
        for (id, sealed) in rows {
            let place = Place {
                table,
                row: &row_key(*id),
                column,
            };
            match app.vault.check(place, sealed) {
                Ok(is_current) => {
                    self.good += 1;
                    self.older += u64::from(!is_current);
                }
                Err(error) => {
                    self.bad += 1;
                    if let VaultError::UnknownKey(key) = error {
                        self.missing.insert(key);
                    }
                }
            }
        }
    }
}
