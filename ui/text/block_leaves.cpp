#include "ui/text/block_leaves.h"

namespace ui {

std::vector<Leaf> leavesOf(const SourceBlock& block, QStringView message, bool hardBreaks) {
    const auto part = [&](qsizetype from, qsizetype to) { return message.mid(from, to - from); };
    if (block.kind == BlockKind::Plain)
        return plainLeaves(part(block.begin, block.end).trimmed());
    if (block.kind == BlockKind::Code) {
        Leaf leaf;
        leaf.kind = LeafKind::Code;
        leaf.language = block.language;
        leaf.code = part(block.codeBegin, block.codeEnd).toString();
        if (leaf.code.endsWith(u'\n'))
            leaf.code.chop(1);
        std::vector<Leaf> one;
        one.push_back(std::move(leaf));
        return one;
    }
    const MarkdownOptions options{hardBreaks, block.ordinal};
    if (block.headerEnd > 0 && block.continues) {
        QString table = part(block.headerBegin, block.headerEnd).toString();
        table += part(block.begin, block.end);
        return parseMarkdown(table, options);
    }
    return parseMarkdown(part(block.begin, block.end), options);
}

} // namespace ui
