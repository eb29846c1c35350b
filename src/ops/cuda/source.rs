//! Sources of kernels, as they are built into the program.

/// One file of kernels, or one of the forms that it is compiled in.
#[derive(Debug)]
pub(in crate::ops) struct Source {
    pub name: &'static str,
    pub text: &'static str,
    /// What is defined before it.
    pub defines: &'static str,
    /// What the names of its kernels end in, beyond those in the text.
    pub form: &'static str,
}

impl Source {
    /// A file that is compiled once.
    pub const fn whole(name: &'static str, text: &'static str) -> Self {
        Self { name, text, defines: "", form: "" }
    }

    /// One of several forms, `defines` before it and `form` behind the names of its kernels.
    pub const fn in_form(name: &'static str, text: &'static str, defines: &'static str, form: &'static str) -> Self {
        Self { name, text, defines, form }
    }

    const fn product(defines: &'static str, form: &'static str) -> Self {
        Self::in_form("product", concat!(include_str!("rows.cuh"), include_str!("product.cu")), defines, form)
    }

    const fn window(defines: &'static str, form: &'static str) -> Self {
        Self::in_form("window", concat!(include_str!("rows.cuh"), include_str!("window.cu")), defines, form)
    }

    /// All that the compiler gets.
    pub fn whole_text(&self) -> String {
        format!("{}{COMMON}\n{}", self.defines, self.text)
    }
}

const COMMON: &str = include_str!("common.cuh");

/// What all operations share.
pub(in crate::ops) const SOURCES: &[Source] = &[
    Source::whole("memory", include_str!("memory.cu")),
    Source::product("#define TENSOR 1\n#define TILE_N 32\n", "_tf32_32"),
    Source::product("#define TENSOR 1\n#define TILE_N 64\n", "_tf32_64"),
    Source::product("#define TENSOR 1\n#define TILE_N 128\n", "_tf32_128"),
    Source::product("#define TENSOR 0\n#define TILE_N 32\n", "_f32_32"),
    Source::product("#define TENSOR 0\n#define TILE_N 64\n", "_f32_64"),
    Source::product("#define TENSOR 0\n#define TILE_N 128\n", "_f32_128"),
    Source::window("#define TENSOR 1\n#define TILE_N 32\n", "_32"),
    Source::window("#define TENSOR 1\n#define TILE_N 64\n", "_64"),
    Source::window("#define TENSOR 1\n#define TILE_N 128\n", "_128"),
    Source::whole("matrix", include_str!("matrix.cu")),
];
