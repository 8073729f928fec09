//! The alarm book: findings, news of orders, people's acts and ticks in; changed alarms and order requests out.
