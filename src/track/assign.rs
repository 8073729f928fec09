//! Which row goes with which column so that the sum of gains is greatest. Not here: what the gains mean.
//!
//! Optimal, not greedy: in a crowded car one greedy wrong pair takes a neighbour's detection and the error
//! runs through the row. The Hungarian method with potentials in O(n²·m) (Kuhn 1955; the shortest augmenting
//! path form of Jonker and Volgenant 1987) takes microseconds for the few dozen boxes a picture holds.

/// Pairs rows with columns; `gain(row, column)` of `None` or not above zero means never. Gives each row's column.
pub(super) fn assign(rows: usize, columns: usize, gain: impl Fn(usize, usize) -> Option<f32>) -> Vec<Option<usize>> {
    pair(rows, columns, &gain)
}

/// As [`assign`]; it calls itself flipped, so `gain` has no type of its own here.
fn pair(rows: usize, columns: usize, gain: &dyn Fn(usize, usize) -> Option<f32>) -> Vec<Option<usize>> {
    if rows == 0 || columns == 0 {
        return vec![None; rows];
    }
    if rows > columns {
        let mut flipped = vec![None; rows];
        for (column, row) in pair(columns, rows, &|c, r| gain(r, c)).into_iter().enumerate() {
            if let Some(row) = row {
                flipped[row] = Some(column);
            }
        }
        return flipped;
    }
    // An impossible pair costs nothing and gains nothing: it stands for staying alone.
    let costs: Vec<f64> = (0..rows)
        .flat_map(|r| (0..columns).map(move |c| (r, c)))
        .map(|(r, c)| gain(r, c).filter(|g| *g > 0.0).map_or(0.0, |g| -f64::from(g)))
        .collect();
    let cost = |r: usize, c: usize| costs[r * columns + c];
    // Rows and columns count from 1 below; 0 is the way in.
    let mut row_potential = vec![0.0; rows + 1];
    let mut column_potential = vec![0.0; columns + 1];
    let mut row_of = vec![0_usize; columns + 1];
    for row in 1..=rows {
        row_of[0] = row;
        let mut column = 0;
        let mut least = vec![f64::INFINITY; columns + 1];
        let mut came_from = vec![0_usize; columns + 1];
        let mut done = vec![false; columns + 1];
        while row_of[column] != 0 {
            done[column] = true;
            let from = row_of[column];
            let mut delta = f64::INFINITY;
            let mut next = 0;
            for c in 1..=columns {
                if done[c] {
                    continue;
                }
                let reduced = cost(from - 1, c - 1) - row_potential[from] - column_potential[c];
                if reduced < least[c] {
                    least[c] = reduced;
                    came_from[c] = column;
                }
                if least[c] < delta {
                    delta = least[c];
                    next = c;
                }
            }
            for c in 0..=columns {
                if done[c] {
                    row_potential[row_of[c]] += delta;
                    column_potential[c] -= delta;
                } else {
                    least[c] -= delta;
                }
            }
            column = next;
        }
        while column != 0 {
            let before = came_from[column];
            row_of[column] = row_of[before];
            column = before;
        }
    }
    let mut pairs = vec![None; rows];
    for (column, &row) in row_of.iter().enumerate().skip(1) {
        if row != 0 && cost(row - 1, column - 1) < 0.0 {
            pairs[row - 1] = Some(column - 1);
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn total(gains: &[Vec<f32>], pairs: &[Option<usize>]) -> f32 {
        pairs.iter().enumerate().filter_map(|(r, c)| c.map(|c| gains[r][c])).sum()
    }

    /// The best sum by trying everything.
    fn best(gains: &[Vec<f32>], row: usize, taken: &mut Vec<bool>) -> f32 {
        if row == gains.len() {
            return 0.0;
        }
        let mut most = best(gains, row + 1, taken);
        for c in 0..taken.len() {
            if !taken[c] && gains[row][c] > 0.0 {
                taken[c] = true;
                most = most.max(gains[row][c] + best(gains, row + 1, taken));
                taken[c] = false;
            }
        }
        most
    }

    fn matrix() -> impl Strategy<Value = Vec<Vec<f32>>> {
        (1_usize..6, 1_usize..6).prop_flat_map(|(rows, columns)| {
            let gain = prop_oneof![Just(0.0_f32), 0.01_f32..1.0];
            prop::collection::vec(prop::collection::vec(gain, columns), rows)
        })
    }

    proptest! {
        #[test]
        fn nothing_beats_it(gains in matrix()) {
            let columns = gains[0].len();
            let pairs = assign(gains.len(), columns, |r, c| Some(gains[r][c]));
            let mut seen = vec![false; columns];
            for c in pairs.iter().flatten() {
                prop_assert!(!std::mem::replace(&mut seen[*c], true), "column {} given twice", c);
            }
            prop_assert!((total(&gains, &pairs) - best(&gains, 0, &mut vec![false; columns])).abs() < 1e-4);
        }
    }

    #[test]
    fn greed_would_lose_here() {
        let gains = [[0.9, 0.8], [0.8, 0.1]];
        assert_eq!(assign(2, 2, |r, c| Some(gains[r][c])), [Some(1), Some(0)]);
        assert_eq!(assign(0, 3, |_, _| None), []);
        assert_eq!(assign(2, 0, |_, _| None), [None, None]);
        assert_eq!(assign(2, 2, |_, _| None), [None, None]);
    }
}
