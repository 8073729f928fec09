//! Snapshots: pictures with boxes, as JPEG. Not here: who asks for them.
