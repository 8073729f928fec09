//! Models and the engines that run them. Not here: who waits for a batch (`flow`), what detections mean (`rule`).
