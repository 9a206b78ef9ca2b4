//! Paginated lists, after the Relay cursor connections specification.

use std::borrow::Cow;
use std::sync::Arc;

use async_graphql::{
    Context, InputObject, Name, Object, OutputType, SimpleObject, TypeName, Value,
};
use bytes::Bytes;

use super::context::app;
use super::error::Result;
use super::fast_json::{Fast, FastList, WriteFields};
use crate::domain::page::{Page, PageInput};
use crate::domain::scheduling::native::Interval;

/// Paging state of a connection.
#[derive(Clone, Debug, SimpleObject)]
pub struct PageInfo {
    /// Whether there are items after endCursor.
    has_next_page: bool,
    /// Whether there are items before startCursor.
    has_previous_page: bool,
    /// Cursor of the first edge, null when the page is empty.
    start_cursor: Option<String>,
    /// Cursor of the last edge, null when the page is empty.
    end_cursor: Option<String>,
}

/// One item in a page.
pub struct Edge<T> {
    cursor: String,
    node: T,
}

/// A page of a list.
pub struct Connection<T> {
    edges: Vec<Edge<T>>,
    info: PageInfo,
    page: Page<()>,
    /// The serialized nodes, when only `nodes` is selected and the rows were serialized as they
    /// were read.
    written: Option<Bytes>,
}

impl<T: OutputType> TypeName for Edge<T> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Edge", T::type_name()).into()
    }
}

impl<T: OutputType> TypeName for Connection<T> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Connection", T::type_name()).into()
    }
}

/// One item in a page.
#[Object(name_type)]
impl<T: OutputType + WriteFields> Edge<T> {
    /// Opaque cursor of this edge.
    async fn cursor(&self) -> &str {
        &self.cursor
    }

    /// The item itself.
    async fn node(&self) -> Fast<'_, T> {
        Fast(&self.node)
    }
}

/// A page of a list.
#[Object(name_type)]
impl<T: OutputType + WriteFields> Connection<T> {
    /// Edges of this page, in order.
    async fn edges(&self) -> &[Edge<T>] {
        &self.edges
    }

    /// The items of this page, for clients that need no cursors.
    async fn nodes(&self) -> FastList<'_, T> {
        match &self.written {
            Some(written) => FastList::Written(written.clone()),
            None => FastList::Of(self.edges.iter().map(|edge| &edge.node).collect()),
        }
    }

    /// Cursors of this page.
    async fn page_info(&self) -> &PageInfo {
        &self.info
    }

    /// Count of all items that match, before paging. Costs a query: ask for it only where it is shown.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        let count = self.page.count(app(ctx).db.read()).await?;
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }
}

impl<T> Connection<T> {
    /// Maps each item of a page to its GraphQL object.
    pub(crate) fn new<M>(page: Page<M>, mut node: impl FnMut(M) -> T) -> Self {
        let (edges, page) = page.into_parts();
        let info = PageInfo {
            has_next_page: page.has_next,
            has_previous_page: page.has_previous,
            start_cursor: edges.first().map(|(cursor, _)| cursor.clone()),
            end_cursor: edges.last().map(|(cursor, _)| cursor.clone()),
        };
        let edges = edges
            .into_iter()
            .map(|(cursor, row)| Edge {
                cursor,
                node: node(row),
            })
            .collect();
        Self {
            edges,
            info,
            page,
            written: None,
        }
    }

    /// A page of which only `nodes` is selected, already serialized.
    pub(crate) fn written(nodes: Bytes) -> Self {
        Self {
            written: Some(nodes),
            ..Self::new(Page::<T>::empty(), |node| node)
        }
    }

    /// The nodes, for attaching preloaded rows.
    pub(crate) fn nodes_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.edges.iter_mut().map(|edge| &mut edge.node)
    }
}

/// The first rows of a nested list, preloaded for the whole outer list: the requested number plus
/// one, which tells whether a next page exists.
#[derive(Clone)]
pub(crate) struct Preloaded<T>(Option<(usize, Arc<[T]>)>);

impl<T> Default for Preloaded<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Preloaded<T> {
    /// Stores preloaded rows. A selection that requests two sizes uses neither.
    pub(crate) fn set(&mut self, size: usize, rows: Vec<T>) {
        match self.0 {
            Some((other, _)) if other != size => self.refuse(),
            _ => self.0 = Some((size, rows.into())),
        }
    }

    /// Disables preloading: some selection of the list is not a plain first page.
    pub(crate) fn refuse(&mut self) {
        self.0 = Some((usize::MAX, Arc::new([])));
    }

    /// The preloaded rows and their number, if `page` is the preloaded page.
    pub(crate) fn page(&self, page: &PageInput) -> Result<Option<(usize, &[T])>> {
        let requested = page.size()?;
        Ok(self
            .0
            .as_ref()
            .filter(|(size, _)| requested == (*size as u64, false))
            .map(|(size, rows)| (*size, &**rows)))
    }

    /// Rows of the preloaded page, without the extra one.
    pub(crate) fn nodes(&self) -> Option<&[T]> {
        let (size, rows) = self.0.as_ref().filter(|(size, _)| *size != usize::MAX)?;
        Some(&rows[..rows.len().min(*size)])
    }
}

/// Builds the page request from the arguments of a connection field.
pub(crate) fn page(
    first: Option<i32>,
    after: Option<String>,
    last: Option<i32>,
    before: Option<String>,
) -> PageInput {
    PageInput {
        first,
        after,
        last,
        before,
    }
}

/// Page size that the arguments request, if they request a plain first page.
pub(crate) fn first_page_of(arguments: Vec<(Name, Value)>) -> Option<usize> {
    let mut page = PageInput::default();
    for (name, value) in arguments {
        match (name.as_str(), value) {
            ("first", Value::Number(first)) => {
                page.first = Some(i32::try_from(first.as_i64()?).ok()?)
            }
            (_, Value::Null | Value::Boolean(false)) => {}
            _ => return None,
        }
    }
    page.size()
        .ok()
        .and_then(|(size, _)| usize::try_from(size).ok())
}

/// A half-open stretch of time.
#[derive(Clone, Debug, InputObject)]
pub struct TimeRangeInput {
    /// First instant.
    pub from: super::scalars::DateTime,
    /// First instant after it.
    pub until: super::scalars::DateTime,
}

impl TimeRangeInput {
    pub(crate) fn read(self) -> Interval {
        Interval {
            from: self.from.0,
            until: self.until.0,
        }
    }
}
