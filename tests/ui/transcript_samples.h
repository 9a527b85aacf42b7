#pragma once
// Texts for the transcript's tests, its pictures and its benchmark.

#include "ui/chat/transcript_types.h"

#include <QStringList>
#include <utility>
#include <vector>

namespace tests {

ui::TranscriptMessage message(const QString& id, ui::MessageRole role, const QString& text);

/// A few paragraphs of everything, different for each `seed`.
QString richMarkdown(int seed);

/// Name and messages of every state worth looking at.
std::vector<std::pair<QString, std::vector<ui::TranscriptMessage>>> showcases();

/// Two hundred samples that try to reach files or sockets, hide text, or cost time.
QStringList hostileMarkdown();

} // namespace tests
