//! What a run's events say about recovery: pure folds.
