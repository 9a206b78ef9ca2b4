//! Keyset pagination: stable while rows come and go, and as cheap at the end as at the start.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::BoxFuture;
use sea_orm::sea_query::IntoValueTuple;
use sea_orm::{
    DatabaseConnection, EntityTrait, FromQueryResult, IntoIdentity, ModelTrait, PaginatorTrait,
    Select,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Error, Result, Violation};

/// Default page size.
const DEFAULT: u64 = 20;
/// Maximum page size.
pub const MAX: i32 = 100;

/// Which page of a list.
#[derive(Clone, Debug, Default)]
pub struct PageInput {
    pub first: Option<i32>,
    pub after: Option<String>,
    pub last: Option<i32>,
    pub before: Option<String>,
}

/// One page, in the order of the list.
pub struct Page<T> {
    /// Items, each with its cursor.
    pub edges: Vec<(String, T)>,
    pub has_next: bool,
    pub has_previous: bool,
    count: Count,
}

type Count = Box<dyn Fn(&DatabaseConnection) -> BoxFuture<'_, Result<u64>> + Send + Sync>;

impl<T> std::fmt::Debug for Page<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Page")
            .field("items", &self.edges.len())
            .finish_non_exhaustive()
    }
}

impl<T> Page<T> {
    /// Number of items of the whole list. Costs a statement.
    pub async fn count(&self, db: &DatabaseConnection) -> Result<u64> {
        (self.count)(db).await
    }

    /// Splits the items from the rest.
    #[must_use]
    pub fn into_parts(self) -> (Vec<(String, T)>, Page<()>) {
        let rest = Page {
            edges: Vec::new(),
            has_next: self.has_next,
            has_previous: self.has_previous,
            count: self.count,
        };
        (self.edges, rest)
    }

    /// Maps the items of the page.
    ///
    /// # Errors
    /// The first error of `replace`.
    pub fn try_map<U>(self, mut replace: impl FnMut(T) -> Result<U>) -> Result<Page<U>> {
        let edges = self
            .edges
            .into_iter()
            .map(|(cursor, item)| Ok((cursor, replace(item)?)));
        Ok(Page {
            edges: edges.collect::<Result<_>>()?,
            has_next: self.has_next,
            has_previous: self.has_previous,
            count: self.count,
        })
    }

    /// A page of an empty list.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            edges: Vec::new(),
            has_next: false,
            has_previous: false,
            count: Box::new(|_| Box::pin(async { Ok(0) })),
        }
    }
}

impl PageInput {
    /// The requested size and whether it counts from the end.
    ///
    /// # Errors
    /// `Invalid` for a size out of 1 to 100, and for both `first` and `last`.
    pub fn size(&self) -> Result<(u64, bool)> {
        let check = |field: &str, size: i32| {
            u64::try_from(size)
                .ok()
                .filter(|_| (1..=MAX).contains(&size))
                .ok_or_else(|| {
                    Error::Invalid(vec![Violation::at(
                        field,
                        format!("must be from 1 to {MAX}"),
                    )])
                })
        };
        match (self.first, self.last) {
            (Some(_), Some(_)) => Err(Error::invalid("last", "give first or last, not both")),
            (Some(first), None) => Ok((check("first", first)?, false)),
            (None, Some(last)) => Ok((check("last", last)?, true)),
            (None, None) => Ok((DEFAULT, false)),
        }
    }
}

/// All paginated lists. Each has one sort order, so that a key identifies a position in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    Accounts,
    Bookings,
    Coaches,
    DeadJobs,
    Deliveries,
    EventTypes,
    History,
    Notes,
    Sessions,
}

impl List {
    /// Prefix of its cursors, as keys of different lists may look alike: one letter, which begins
    /// no key.
    const fn tag(self) -> u8 {
        match self {
            Self::Accounts => b'a',
            Self::Bookings => b'b',
            Self::Coaches => b'c',
            Self::DeadJobs => b'j',
            Self::Deliveries => b'd',
            Self::EventTypes => b'e',
            Self::History => b'h',
            Self::Notes => b'o',
            Self::Sessions => b's',
        }
    }
}

fn encode(list: List, key: &impl Serialize) -> String {
    let mut cursor = vec![list.tag()];
    serde_json::to_writer(&mut cursor, key).expect("keys are instants, ids, numbers and text");
    URL_SAFE_NO_PAD.encode(cursor)
}

/// Whether both databases can store the instants of a key: a client may send a forged cursor.
fn is_sane(key: &[u8]) -> bool {
    let values: Vec<serde_json::Value> = serde_json::from_slice(key).unwrap_or_default();
    let instants = values.iter().filter_map(|value| {
        value
            .as_str()?
            .parse::<chrono::DateTime<chrono::Utc>>()
            .ok()
    });
    let mut years = instants.map(|instant| chrono::Datelike::year(&instant));
    years.all(|year| (1970..=9998).contains(&year))
        && !key.contains(&0)
        && !key.windows(6).any(|text| text == b"\\u0000")
}

fn decode<K: DeserializeOwned>(
    list: List,
    field: &str,
    cursor: Option<&String>,
) -> Result<Option<K>> {
    cursor
        .map(|cursor| {
            let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
            let key = bytes
                .as_deref()
                .and_then(|bytes| bytes.strip_prefix(&[list.tag()]));
            // No key contains a NUL, and PostgreSQL refuses to compare with one.
            let key = key.filter(|key| !key.windows(6).any(|part| part == br"\u0000"));
            let key = key
                .filter(|key| is_sane(key))
                .and_then(|key| serde_json::from_slice(key).ok());
            key.ok_or_else(|| Error::invalid(field, "is not a cursor of this list"))
        })
        .transpose()
}

/// Builds the first page of `query` from rows that were read together with those of other lists:
/// its first rows, one more than `size` where a next page exists.
pub(super) fn first<E, M, K>(
    query: Select<E>,
    (list, size): (List, usize),
    mut rows: Vec<M>,
    key: impl Fn(&M) -> K,
) -> Page<M>
where
    E: EntityTrait<Model = M>,
    M: ModelTrait<Entity = E> + FromQueryResult + Send + Sync + 'static,
    K: Serialize,
{
    let has_next = rows.len() > size;
    rows.truncate(size);
    Page {
        edges: rows
            .into_iter()
            .map(|row| (encode(list, &key(&row)), row))
            .collect(),
        has_next,
        has_previous: false,
        count: counting(query),
    }
}

fn counting<E, M>(query: Select<E>) -> Count
where
    E: EntityTrait<Model = M>,
    M: FromQueryResult + Send + Sync + 'static,
{
    Box::new(move |db| {
        let query = query.clone();
        Box::pin(async move { Ok(query.count(db).await?) })
    })
}

/// Sort direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Smallest, oldest or alphabetically first item first.
    Ascending,
    /// Greatest or newest first.
    Descending,
}

/// Reads a page of `query`, ordered by `columns`, whose values together identify a row; `key`
/// extracts them from a row.
///
/// # Errors
/// `Invalid` for a cursor of another list, and for an invalid size.
pub async fn cut<E, M, C, K>(
    db: &DatabaseConnection,
    query: Select<E>,
    page: &PageInput,
    (list, columns, direction): (List, C, Direction),
    key: impl Fn(&M) -> K,
) -> Result<Page<M>>
where
    E: EntityTrait<Model = M>,
    M: ModelTrait<Entity = E> + FromQueryResult + Send + Sync + 'static,
    C: IntoIdentity,
    K: Serialize + DeserializeOwned + IntoValueTuple,
{
    let (size, from_end) = page.size()?;
    let mut cursor = query.clone().cursor_by(columns);
    if direction == Direction::Descending {
        cursor.desc();
    }
    let after: Option<K> = decode(list, "after", page.after.as_ref())?;
    let before: Option<K> = decode(list, "before", page.before.as_ref())?;
    let (is_after, is_before) = (after.is_some(), before.is_some());
    if let Some(after) = after {
        cursor.after(after);
    }
    if let Some(before) = before {
        cursor.before(before);
    }
    // One extra row tells whether there is another page.
    if from_end {
        cursor.last(size + 1)
    } else {
        cursor.first(size + 1)
    };
    let mut rows = cursor.all(db).await?;
    let more = rows.len() as u64 > size;
    if more {
        if from_end {
            rows.remove(0)
        } else {
            rows.pop().expect("longer than the page")
        };
    }
    Ok(Page {
        edges: rows
            .into_iter()
            .map(|row| (encode(list, &key(&row)), row))
            .collect(),
        // The row at the cursor exists and lies beyond the page.
        has_next: is_before || (!from_end && more),
        has_previous: is_after || (from_end && more),
        count: counting(query),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    type Key = (String, i64);

    fn read(list: List, cursor: &str) -> Option<Key> {
        decode(list, "after", Some(&cursor.to_owned()))
            .ok()
            .flatten()
    }

    #[test]
    fn a_cursor_of_another_list_is_refused() {
        use List as L;

        let lists = [
            L::Accounts,
            L::Bookings,
            L::Coaches,
            L::DeadJobs,
            L::Deliveries,
            L::EventTypes,
            L::History,
            L::Notes,
            L::Sessions,
        ];
        let key: Key = ("Nora".to_owned(), 7);
        for (place, of) in lists.into_iter().enumerate() {
            let cursor = encode(of, &key);
            for (other, list) in lists.into_iter().enumerate() {
                assert_eq!(
                    read(list, &cursor),
                    (place == other).then(|| key.clone()),
                    "{of:?} in {list:?}"
                );
            }
        }
    }

    #[test]
    fn forged_cursors_are_refused() {
        let made_up = |text: &str| read(List::Coaches, &URL_SAFE_NO_PAD.encode(text));
        assert_eq!(made_up(r#"c["Nora",7]"#), Some(("Nora".to_owned(), 7)));
        for text in [
            "",
            "c",
            r#"["Nora",7]"#,
            r#"cc["Nora",7]"#,
            r#"c["Nora"]"#,
            r#"c["\u0000",7]"#,
            "c[\"\0\",7]",
        ] {
            assert_eq!(made_up(text), None, "{text:?}");
        }
        assert_eq!(
            made_up(r#"c["9999-01-01T00:00:00Z",7]"#),
            None,
            "not every database holds it"
        );
        assert_eq!(read(List::Coaches, "not base64!"), None);
    }
}
