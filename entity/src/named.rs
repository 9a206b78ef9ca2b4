//! Enums whose variants have a name each in tables, logs and metrics.

/// Defines such an enum, one line for each variant. Unlike an active enum it does not fail on names
/// that a newer program has stored: the column stays text, and [`parse`] returns `None` for them.
///
/// [`parse`]: crate::Provider::parse
macro_rules! named {
    ($(#[$meta:meta])* pub enum $Name:ident {
        $($(#[$doc:meta])* $Variant:ident = $name:literal,)+
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $Name {
            $($(#[$doc])* $Variant,)+
        }

        impl $Name {
            /// All of them, in their order here.
            pub const ALL: &'static [Self] = &[$(Self::$Variant,)+];

            /// The name in tables, logs and metrics. It never changes.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$Variant => $name,)+
                }
            }

            /// The variant of a name; `None` for a name of a newer program.
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == name)
            }
        }
    };
}

pub(crate) use named;
