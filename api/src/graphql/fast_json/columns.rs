//! Declares the fields of an object that are columns of its row, once: for the schema, for objects
//! that are serialized in one pass, and for lists that are read and serialized as a whole.

use std::borrow::Cow;

use async_graphql::TypeName;
use async_graphql::parser::types::Field;
use chrono::{DateTime, Utc};
use entity::{Uuid, booking, event_type, note, session};

use super::{WriteFields, Writer};
use crate::graphql::id::Kind;
use crate::graphql::money::Money;
use crate::graphql::scalars::{self, EmailAddress, TimeZone, Url};

/// Declares them for a row. A line is a field in the spelling of the schema, its type, and the
/// column that it shows or the columns that it is made of. Whoever may read the object may read
/// these fields: one that only some of them may read is a resolver of the object.
///
/// The object has them by a resolver `columns` with `#[graphql(flatten)]`, and its id by one of its
/// own.
macro_rules! columns {
    ($object:literal of $model:ty, $kind:expr => {
        $($(#[$doc:meta])+ $field:ident: $shown:ty = $($column:ident)+,)+
    }) => {
        #[async_graphql::Object(name_type)]
        #[expect(non_snake_case, reason = "fields are declared in the spelling of the schema")]
        impl<'r> $crate::graphql::fast_json::Columns<'r, $model> {
            $(
                $(#[$doc])+
                async fn $field(&self) -> $shown {
                    $crate::graphql::fast_json::Shows::shown(($(&self.0.$column,)+))
                }
            )+
        }

        impl $crate::graphql::fast_json::TableRow for $model {
            const TABLE: &'static $crate::graphql::fast_json::Table =
                &$crate::graphql::fast_json::Table {
                    object: $object,
                    kind: $kind,
                    fields: &[$((
                        stringify!($field),
                        &[$(stringify!($column)),+],
                        $crate::graphql::fast_json::form_of(
                            |row: &'static $model| ($(&row.$column,)+)
                        ),
                    )),+],
                };
        }

        impl $crate::graphql::fast_json::WriteFields for $model {
            fn name() -> std::borrow::Cow<'static, str> {
                $object.into()
            }

            fn write_field(
                &self,
                field: &async_graphql::parser::types::Field,
                to: &mut $crate::graphql::fast_json::Writer<'_>,
            ) -> bool {
                use $crate::graphql::fast_json::Stored as _;

                match field.name.node.as_str() {
                    "id" => to.id($kind, self.id),
                    $(stringify!($field) => ($(&self.$column,)+).write(field, to),)+
                    _ => false,
                }
            }
        }
    };
}

pub(crate) use columns;

/// The fields of an object that are columns of its row.
pub(crate) struct Columns<'r, M>(pub(crate) &'r M);

impl<M: TableRow> TypeName for Columns<'_, M> {
    fn type_name() -> Cow<'static, str> {
        // The schema does not show it: its fields are those of the object.
        format!("{}Columns", M::TABLE.object).into()
    }
}

/// A row whose columns are fields.
pub(crate) trait TableRow: WriteFields + 'static {
    const TABLE: &'static Table;
}

/// The fields of an object with their columns.
#[derive(Debug)]
pub(crate) struct Table {
    /// Type name in the schema.
    pub(crate) object: &'static str,
    /// The kind of its id.
    pub(crate) kind: Kind,
    pub(crate) fields: &'static [(&'static str, &'static [&'static str], Form)],
}

/// How the columns of a field are serialized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Nullable text.
    Text,
    /// An enum value; database and schema use the same name.
    Word,
    Flag,
    /// An integer.
    Number,
    Instant,
    /// The minutes from one instant to another.
    Minutes,
    /// An amount in minor units and its currency; null when it is free.
    Price,
    /// Text that may be sealed, the key that it is sealed with, and the id of its row.
    Sealed,
}

/// The values of the columns of one field.
pub(crate) trait Stored {
    const FORM: Form;

    /// As [`WriteFields::write_field`].
    fn write(self, field: &Field, to: &mut Writer<'_>) -> bool;
}

pub(crate) const fn form_of<M, S: Stored>(_: fn(&'static M) -> S) -> Form {
    S::FORM
}

/// Implements it: the columns, their form, and how they are written.
macro_rules! stored {
    ($($columns:pat_param in $stored:ty => $form:ident, |$to:ident, $field:pat_param| $write:expr;)+) => {
        $(impl Stored for $stored {
            const FORM: Form = Form::$form;

            fn write(self, $field: &Field, $to: &mut Writer<'_>) -> bool {
                let $columns = self;
                $write
            }
        })+
    };
}

stored! {
    (text,) in (&String,) => Text, |to, _| to.text(text);
    (text,) in (&Option<String>,) => Text, |to, _| to.text_or_null(text.as_deref());
    (value,) in (&bool,) => Flag, |to, _| to.boolean(*value);
    (number,) in (&i32,) => Number, |to, _| to.number((*number).into());
    (number,) in (&i64,) => Number, |to, _| to.number(*number);
    (instant,) in (&DateTime<Utc>,) => Instant, |to, _| to.instant(*instant);
    (from, until) in (&DateTime<Utc>, &DateTime<Utc>) => Minutes, |to, _| {
        to.number((*until - *from).num_minutes())
    };
    (minor, currency) in (&i64, &String) => Price, |to, field| to.price(*minor, currency, field);
    // A row in memory has been opened.
    (text, ..) in (&String, &Option<String>, &Uuid) => Sealed, |to, _| to.text(text);
    (word,) in (&booking::Approval,) => Word, |to, _| to.word(&entity::name_of(*word));
    (word,) in (&booking::Status,) => Word, |to, _| to.word(&entity::name_of(*word));
    (word,) in (&event_type::Kind,) => Word, |to, _| to.word(&entity::name_of(*word));
    (word,) in (&event_type::Visibility,) => Word, |to, _| to.word(&entity::name_of(*word));
    (word,) in (&note::Visibility,) => Word, |to, _| to.word(&entity::name_of(*word));
    (word,) in (&session::Attendance,) => Word, |to, _| to.word(&entity::name_of(*word));
    (word,) in (&session::Status,) => Word, |to, _| to.word(&entity::name_of(*word));
}

/// A type of the schema that shows the values of columns.
pub(crate) trait Shows<S> {
    fn shown(stored: S) -> Self;
}

impl<T: Copy> Shows<(&T,)> for T {
    fn shown((value,): (&T,)) -> Self {
        *value
    }
}

impl<'r> Shows<(&'r String,)> for &'r str {
    fn shown((text,): (&'r String,)) -> Self {
        text
    }
}

impl<'r> Shows<(&'r Option<String>,)> for Option<&'r str> {
    fn shown((text,): (&'r Option<String>,)) -> Self {
        text.as_deref()
    }
}

impl<'r> Shows<(&'r String, &'r Option<String>, &'r Uuid)> for &'r str {
    fn shown((text, ..): (&'r String, &'r Option<String>, &'r Uuid)) -> Self {
        text
    }
}

impl Shows<(&String,)> for TimeZone {
    fn shown((name,): (&String,)) -> Self {
        Self::stored(name)
    }
}

impl Shows<(&Option<String>,)> for Option<EmailAddress> {
    fn shown((address,): (&Option<String>,)) -> Self {
        address.clone().map(EmailAddress)
    }
}

impl Shows<(&Option<String>,)> for Option<Url> {
    fn shown((url,): (&Option<String>,)) -> Self {
        url.clone().map(Url)
    }
}

impl Shows<(&DateTime<Utc>,)> for scalars::DateTime {
    fn shown((instant,): (&DateTime<Utc>,)) -> Self {
        Self(*instant)
    }
}

impl Shows<(&DateTime<Utc>, &DateTime<Utc>)> for i64 {
    fn shown((from, until): (&DateTime<Utc>, &DateTime<Utc>)) -> Self {
        (*until - *from).num_minutes()
    }
}

impl Shows<(&i64, &String)> for Option<Money> {
    fn shown((minor, currency): (&i64, &String)) -> Self {
        Money::price(*minor, currency)
    }
}
