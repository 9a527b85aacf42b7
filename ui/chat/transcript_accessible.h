#pragma once
// The transcript as screen readers see it: a list whose children are the messages, each with its
// author as name and its text as value, followed by the real widgets (action buttons).

namespace ui {

/// Makes Qt ask us for transcripts' interfaces; may be called more than once.
void installTranscriptAccessibility();

} // namespace ui
