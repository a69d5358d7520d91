//! The macros that generated code is written with.

/// Makes an enum of the IDL: a number with names, so that numbers of a later generation survive.
macro_rules! enumeration {
    ($(#[$doc:meta])* $name:ident { $($value:ident = $number:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub i32);

        #[expect(missing_docs, reason = "the names are those of the IDL")]
        impl $name {
            $(pub const $value: Self = Self($number);)*
        }

        impl $name {
            /// The values with a name.
            pub const VALUES: &'static [(&'static str, i32)] = &[$((stringify!($value), $number)),*];

            /// Returns the name of the value, if it has one.
            pub fn name(self) -> Option<&'static str> {
                $crate::value::name_of(Self::VALUES, self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $crate::value::debug_enum(f, stringify!($name), Self::VALUES, self.0)
            }
        }

        impl $crate::Value for $name {
            const WIRE: $crate::WireType = $crate::WireType::I32;

            fn read(from: &mut $crate::Decoder<'_>) -> Result<Self, $crate::Fault> {
                i32::read(from).map(Self)
            }

            fn write(&self, to: &mut $crate::Encoder<'_>) {
                self.0.write(to);
            }
        }
    };
}

/// Makes the sum of all exceptions, and each of them an error of Rust.
macro_rules! exceptions {
    ($($name:ident),*) => {
        /// Any exception of the IDL.
        #[derive(Debug, Clone, PartialEq)]
        #[expect(missing_docs, reason = "the names are those of the IDL")]
        pub enum Exception {
            $($name($name),)*
        }

        impl Exception {
            /// Returns the name of its type in the IDL.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => stringify!($name),)*
                }
            }

            /// Returns the text that it carries.
            pub fn message(&self) -> Option<&str> {
                match self {
                    $(Self::$name(it) => it.message.as_deref(),)*
                }
            }
        }

        impl std::fmt::Display for Exception {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}: {}", self.name(), self.message().unwrap_or_default())
            }
        }

        impl std::error::Error for Exception {}

        $(
            impl From<$name> for Exception {
                fn from(it: $name) -> Self {
                    Self::$name(it)
                }
            }
        )*
    };
}
