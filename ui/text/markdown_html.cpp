#include "ui/text/markdown_html.h"

#include "ui/text/block_leaves.h"

namespace ui {

namespace {

QString escaped(const QString& text) {
    QString html = text.toHtmlEscaped();
    html.replace(QChar::LineSeparator, QStringLiteral("<br>"));
    return html.replace(u'\n', QStringLiteral("<br>"));
}

QString runHtml(const RichText& rich, const InlineRun& run) {
    QString html = escaped(rich.text.mid(run.start, run.length));
    const auto wrap = [&](int style, const char* open, const char* close) {
        if ((run.style & style) != 0)
            html = QLatin1String(open) + html + QLatin1String(close);
    };
    wrap(kInlineCode, "<code>", "</code>");
    wrap(kMath, "<code class=\"math\">", "</code>");
    wrap(kBold, "<b>", "</b>");
    wrap(kItalic, "<i>", "</i>");
    wrap(kStrike, "<s>", "</s>");
    wrap(kAside, "<small>", "</small>");
    if ((run.style & kLink) != 0 && run.link >= 0 && run.link < rich.links.size())
        html = QStringLiteral("<a href=\"%1\" rel=\"noreferrer\">%2</a>")
                   .arg(rich.links.at(run.link).toHtmlEscaped(), html);
    return html;
}

QString richHtml(const RichText& rich) {
    QString html;
    int at = 0;
    for (const InlineRun& run : rich.runs) {
        html += escaped(rich.text.mid(at, run.start - at)) + runHtml(rich, run);
        at = run.start + run.length;
    }
    return html + escaped(rich.text.mid(at));
}

QString alignmentOf(const Leaf& leaf, std::size_t column) {
    if (column >= leaf.alignments.size())
        return {};
    if (leaf.alignments[column].testFlag(Qt::AlignRight))
        return QStringLiteral(" align=\"right\"");
    return leaf.alignments[column].testFlag(Qt::AlignHCenter) ? QStringLiteral(" align=\"center\"")
                                                              : QString();
}

QString tableHtml(const Leaf& leaf) {
    QString html = QStringLiteral("<table border=\"1\" cellspacing=\"0\" cellpadding=\"4\">\n");
    for (std::size_t row = 0; row < leaf.rows.size(); ++row) {
        const QLatin1String tag(row == 0 ? "th" : "td");
        html += QLatin1String("<tr>");
        for (std::size_t column = 0; column < leaf.rows[row].cells.size(); ++column)
            html +=
                QStringLiteral("<%1%2>%3</%1>")
                    .arg(tag, alignmentOf(leaf, column), richHtml(leaf.rows[row].cells[column]));
        html += QLatin1String("</tr>\n");
    }
    return html + QLatin1String("</table>\n");
}

QString leafHtml(const Leaf& leaf, const QString& marker) {
    switch (leaf.kind) {
    case LeafKind::Heading: // below those of the document
        return QStringLiteral("<h%1>%2%3</h%1>\n")
            .arg(std::min(leaf.headingLevel + 2, 6))
            .arg(marker, richHtml(leaf.rich));
    case LeafKind::Code:
        return QStringLiteral("<pre><code>%1</code></pre>\n").arg(leaf.code.toHtmlEscaped());
    case LeafKind::Table:
        return tableHtml(leaf);
    case LeafKind::Rule:
        return QStringLiteral("<hr>\n");
    case LeafKind::Paragraph:
        break;
    }
    return QStringLiteral("<p>%1%2</p>\n").arg(marker, richHtml(leaf.rich));
}

/// With the quotations and items it stands in.
QString placedHtml(const Leaf& leaf) {
    QString marker;
    QString open;
    QString close;
    for (const LeafContainer& container : leaf.containers) {
        const bool isItem = container.kind == LeafContainer::Item;
        open += isItem ? QLatin1String("<div class=\"item\" style=\"margin-left:24px\">")
                       : QLatin1String("<blockquote>");
        close.prepend(isItem ? QLatin1String("</div>") : QLatin1String("</blockquote>"));
        marker = isItem ? container.marker.toHtmlEscaped() : QString();
        if (container.task >= 0 && !container.marker.isEmpty())
            marker = container.task == 1 ? QStringLiteral("☑") : QStringLiteral("☐");
    }
    if (!marker.isEmpty())
        marker += QLatin1String("&nbsp;");
    return open + leafHtml(leaf, marker) + close;
}

} // namespace

QString markdownToHtml(QStringView text, bool hardBreaks) {
    std::vector<SourceBlock> blocks;
    splitMarkdown(text, blocks);
    QString html;
    QString code; // of a block that goes on
    for (const SourceBlock& block : blocks) {
        for (Leaf& leaf : leavesOf(block, text, hardBreaks)) {
            if (block.kind == BlockKind::Code) {
                leaf.code.prepend(std::exchange(code, {}));
                if (block.joined) {
                    code = leaf.code + u'\n';
                    continue;
                }
            }
            html += placedHtml(leaf);
        }
    }
    return html;
}

} // namespace ui
