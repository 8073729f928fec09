//! One TOML file, composed of each room's own settings; unknown keys are refused.
