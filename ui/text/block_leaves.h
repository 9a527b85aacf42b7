#pragma once
// The leaves of one block of a message: what is shown, printed and exported is read the same way.

#include "ui/text/markdown.h"
#include "ui/text/markdown_splitter.h"

namespace ui {

/// `message` is the text that `block` was cut from. A continued table has its header again.
std::vector<Leaf> leavesOf(const SourceBlock& block, QStringView message, bool hardBreaks);

} // namespace ui
