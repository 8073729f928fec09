"""Fine-tuning YOLOX-nano on rendered scenes. Reading order: net, assign, augment, data, fit, export."""
