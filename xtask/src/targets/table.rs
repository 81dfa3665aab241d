//! The table at the end of `cargo xtask targets`.

/// The findings about one crate on one target. `None` where there is no such figure.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) target: &'static str,
    pub(super) crate_name: String,
    /// Code and constants that a program gains by using the crate.
    pub(super) code_bytes: Option<u64>,
    /// Memory that a program gains by using the crate: statics and stack.
    pub(super) ram_bytes: Option<u64>,
    /// Vectors that passed on the target.
    pub(super) vectors: Option<u64>,
}

const HEAD: [&str; 5] = ["target", "crate", "code bytes", "RAM bytes", "vectors passed"];
/// Names stand left, figures right.
const NAMES: usize = 2;

/// The rows in columns, each line with its line end.
pub(super) fn format(rows: &[Row]) -> String {
    let mut lines = vec![HEAD.map(str::to_owned)];
    lines.extend(rows.iter().map(cells));
    let mut widths = [0; HEAD.len()];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.len().max(*width);
        }
    }
    lines.iter().map(|line| align(line, &widths)).collect()
}

fn cells(row: &Row) -> [String; HEAD.len()] {
    let figure = |figure: Option<u64>| figure.map_or_else(|| "-".to_owned(), |n| n.to_string());
    [
        row.target.to_owned(),
        row.crate_name.clone(),
        figure(row.code_bytes),
        figure(row.ram_bytes),
        figure(row.vectors),
    ]
}

fn align(cells: &[String], widths: &[usize]) -> String {
    let cells = cells.iter().zip(widths).enumerate().map(|(column, (cell, width))| {
        if column < NAMES { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
    });
    format!("{}\n", cells.collect::<Vec<_>>().join("  "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_left_and_figures_right() {
        let row = Row {
            target: "cortex-m3",
            crate_name: "tidings-frame".to_owned(),
            code_bytes: Some(3000),
            ram_bytes: None,
            vectors: Some(65_536),
        };
        assert_eq!(
            format(&[row]),
            "target     crate          code bytes  RAM bytes  vectors passed\n\
             cortex-m3  tidings-frame        3000          -           65536\n"
        );
    }
}
