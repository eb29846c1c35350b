//! The store for other programs: one file (or folder) is one [`Export`], and a line of the list below makes it known to
//! `ecgraft export`, whose flags are the names of these.

mod folder;
mod kind;
mod tables;

pub use kind::Export;

/// Declares the exports' modules and lists them.
macro_rules! exports {
    ($($(#[$only:meta])* $file:ident::$export:ident,)*) => {
        $($(#[$only])* mod $file;)*

        /// All exports, in the order of `ecgraft export --help`.
        pub static EXPORTS: &[&dyn Export] = &[$($(#[$only])* &self::$file::$export,)*];
    };
}

exports! {
    parquet::Parquet,
    csv::Csv,
    mlflow::Mlflow,
}
