#include "ui/text/markdown.h"

#include "ui/text/math_spans.h"
#include "ui/text/visible_escapes.h"

#include <algorithm>
#include <md4c.h>
#include <QUrl>

namespace ui {
namespace {

struct Entity {
    const char* name;
    char16_t character;
};
constexpr Entity kEntities[] = {
    {"&amp;", u'&'},        {"&lt;", u'<'},         {"&gt;", u'>'},         {"&quot;", u'"'},
    {"&apos;", u'\''},      {"&nbsp;", u'\u00A0'},  {"&copy;", u'\u00A9'},  {"&hellip;", u'\u2026'},
    {"&mdash;", u'\u2014'}, {"&ndash;", u'\u2013'}, {"&times;", u'\u00D7'}, {"&rarr;", u'\u2192'},
    {"&larr;", u'\u2190'},  {"&le;", u'\u2264'},    {"&ge;", u'\u2265'},    {"&ne;", u'\u2260'},
};

QString decodeEntity(const QString& entity) {
    for (const Entity& known : kEntities)
        if (entity == QLatin1String(known.name))
            return QString(QChar(known.character));
    if (entity.startsWith(QLatin1String("&#"))) {
        const bool hex = entity.size() > 3 && entity[2].toLower() == u'x';
        bool ok = false;
        const QStringView digits = QStringView(entity).mid(hex ? 3 : 2).chopped(1);
        const uint code = digits.toUInt(&ok, hex ? 16 : 10);
        if (ok && code > 0 && code <= 0x10FFFF && !(code >= 0xD800 && code < 0xE000)) {
            const char32_t c = code;
            return QString::fromUcs4(&c, 1);
        }
    }
    return entity;
}

QString attributeText(const MD_ATTRIBUTE& attribute) {
    QString out;
    for (int i = 0; attribute.substr_offsets && attribute.substr_offsets[i] < attribute.size; ++i) {
        const MD_OFFSET from = attribute.substr_offsets[i];
        const QString part =
            QString::fromUtf8(attribute.text + from, int(attribute.substr_offsets[i + 1] - from));
        out += attribute.substr_types[i] == MD_TEXT_ENTITY ? decodeEntity(part) : part;
    }
    return out;
}

/// Receives md4c's events and writes leaves. One a parse.
class LeafBuilder {
  public:
    LeafBuilder(const MarkdownOptions& options, QStringList formulas)
        : m_options(options), m_formulas(std::move(formulas)) {}

    std::vector<Leaf> take() { return std::move(m_leaves); }

    void enterBlock(MD_BLOCKTYPE type, void* detail) {
        switch (type) {
        case MD_BLOCK_QUOTE:
            push({LeafContainer::Quote, {}, -1});
            break;
        case MD_BLOCK_UL:
            m_lists.push_back(-1);
            break;
        case MD_BLOCK_OL:
            enterOrderedList(static_cast<MD_BLOCK_OL_DETAIL*>(detail));
            break;
        case MD_BLOCK_LI:
            enterItem(static_cast<MD_BLOCK_LI_DETAIL*>(detail));
            break;
        case MD_BLOCK_P:
            begin(LeafKind::Paragraph);
            break;
        case MD_BLOCK_HTML:
            begin(LeafKind::Paragraph);
            break;
        case MD_BLOCK_H:
            begin(LeafKind::Heading);
            m_leaves.back().headingLevel = int(static_cast<MD_BLOCK_H_DETAIL*>(detail)->level);
            break;
        case MD_BLOCK_HR:
            begin(LeafKind::Rule);
            m_open = false;
            break;
        case MD_BLOCK_CODE:
            begin(LeafKind::Code);
            m_leaves.back().language =
                attributeText(static_cast<MD_BLOCK_CODE_DETAIL*>(detail)->lang).toLower();
            break;
        case MD_BLOCK_TABLE:
            begin(LeafKind::Table);
            break;
        case MD_BLOCK_TR:
            m_leaves.back().rows.emplace_back();
            break;
        case MD_BLOCK_TH:
        case MD_BLOCK_TD:
            enterCell(static_cast<MD_BLOCK_TD_DETAIL*>(detail));
            break;
        default:
            break;
        }
    }

    void leaveBlock(MD_BLOCKTYPE type) {
        switch (type) {
        case MD_BLOCK_QUOTE:
            m_containers.pop_back();
            break;
        case MD_BLOCK_UL:
        case MD_BLOCK_OL:
            m_lists.pop_back();
            break;
        case MD_BLOCK_LI:
            // An item that is still empty shows its marker all the same.
            if (!m_containers.back().marker.isEmpty() || m_containers.back().task >= 0)
                begin(LeafKind::Paragraph);
            m_containers.pop_back();
            m_open = false;
            break;
        case MD_BLOCK_CODE:
            if (m_leaves.back().code.endsWith(u'\n'))
                m_leaves.back().code.chop(1);
            m_open = false;
            break;
        case MD_BLOCK_P:
        case MD_BLOCK_HTML:
        case MD_BLOCK_H:
        case MD_BLOCK_TABLE:
            m_open = false;
            break;
        default:
            break;
        }
    }

    void enterSpan(MD_SPANTYPE type, void* detail) {
        const auto address = [&] {
            return type == MD_SPAN_A ? attributeText(static_cast<MD_SPAN_A_DETAIL*>(detail)->href)
                                     : attributeText(static_cast<MD_SPAN_IMG_DETAIL*>(detail)->src);
        };
        switch (type) {
        case MD_SPAN_EM:
            m_spans.push_back({kItalic, {}, 0});
            break;
        case MD_SPAN_STRONG:
            m_spans.push_back({kBold, {}, 0});
            break;
        case MD_SPAN_DEL:
            m_spans.push_back({kStrike, {}, 0});
            break;
        case MD_SPAN_CODE:
            m_spans.push_back({kInlineCode, {}, 0});
            break;
        case MD_SPAN_A:
        case MD_SPAN_IMG: {
            const QString url = restored(address());
            m_spans.push_back({quint16(isWebAddress(url) ? kLink : kPlain), url, textLength()});
            break;
        }
        default:
            m_spans.push_back({kPlain, {}, 0});
            break;
        }
    }

    void leaveSpan(MD_SPANTYPE type) {
        if (m_spans.empty())
            return;
        const Span span = m_spans.back();
        m_spans.pop_back();
        if (span.address.isEmpty())
            return;
        // The real address stands beside an image, a refused link and any link whose text looks
        // like another address.
        const RichText& rich = target();
        const QStringView shown = QStringView(rich.text).mid(span.textStart).trimmed();
        const bool disguised = shown != span.address && looksLikeAddress(shown) &&
                               !span.address.endsWith(shown) &&
                               span.address != shown.toString() + u'/';
        if (type == MD_SPAN_IMG || !(span.style & kLink) || disguised)
            append(QStringLiteral(" (") + span.address + u')', kAside, -1, EscapeScope::Strict);
    }

    void text(MD_TEXTTYPE type, const MD_CHAR* data, MD_SIZE size) {
        switch (type) {
        case MD_TEXT_NULLCHAR:
            addText(QString(QChar(0xFFFD)));
            break;
        case MD_TEXT_BR:
            addText(QString(QChar::LineSeparator));
            break;
        case MD_TEXT_SOFTBR:
            addText(m_options.hardBreaks ? QString(QChar::LineSeparator) : QStringLiteral(" "));
            break;
        case MD_TEXT_ENTITY:
            addText(decodeEntity(QString::fromUtf8(data, int(size))));
            break;
        default:
            addText(QString::fromUtf8(data, int(size)));
            break;
        }
    }

  private:
    struct Span {
        quint16 style;
        QString address; // of a link or image, else empty
        int textStart;
    };

    static bool looksLikeAddress(QStringView text) {
        return text.contains(u"://") || text.startsWith(u"www.", Qt::CaseInsensitive);
    }

    void push(LeafContainer container) { m_containers.push_back(std::move(container)); }

    void enterOrderedList(const MD_BLOCK_OL_DETAIL* detail) {
        const bool first = m_lists.empty() && m_leaves.empty();
        m_lists.push_back(first && m_options.ordinal >= 0 ? m_options.ordinal : int(detail->start));
    }

    void enterItem(const MD_BLOCK_LI_DETAIL* detail) {
        LeafContainer item{LeafContainer::Item, QStringLiteral("\u2022"), -1};
        if (m_lists.back() >= 0)
            item.marker = QString::number(m_lists.back()++) + u'.';
        if (detail->is_task)
            item.task = detail->task_mark == ' ' ? 0 : 1;
        push(std::move(item));
        m_open = false;
    }

    void enterCell(const MD_BLOCK_TD_DETAIL* detail) {
        Leaf& leaf = m_leaves.back();
        TableRow& row = leaf.rows.back();
        if (int(row.cells.size()) >= kMaxTableColumns)
            return; // further cells flow into the last one
        row.cells.emplace_back();
        if (leaf.rows.size() == 1) {
            const Qt::Alignment alignment = detail->align == MD_ALIGN_RIGHT    ? Qt::AlignRight
                                            : detail->align == MD_ALIGN_CENTER ? Qt::AlignHCenter
                                                                               : Qt::AlignLeft;
            leaf.alignments.push_back(alignment);
        }
    }

    void begin(LeafKind kind) {
        Leaf leaf;
        leaf.kind = kind;
        const size_t depth = std::min<size_t>(m_containers.size(), kMaxNesting);
        leaf.containers.assign(m_containers.begin(), m_containers.begin() + long(depth));
        for (LeafContainer& container : m_containers) {
            container.marker.clear(); // only an item's first leaf carries its marker
            container.task = -1;
        }
        m_leaves.push_back(std::move(leaf));
        m_open = true;
    }

    /// Where inline text goes now: a cell, or the open leaf (a tight item opens one on its first
    /// text).
    RichText& target() {
        if (!m_open)
            begin(LeafKind::Paragraph);
        Leaf& leaf = m_leaves.back();
        if (leaf.kind == LeafKind::Table && !leaf.rows.empty() && !leaf.rows.back().cells.empty())
            return leaf.rows.back().cells.back();
        return leaf.rich;
    }

    int textLength() { return int(target().text.size()); }

    QString restored(const QString& text) const {
        QString out = text;
        for (int i = 0; i < m_formulas.size(); ++i)
            out.replace(QChar(ushort(MathSpans::kFirstPlaceholder + i)), m_formulas[i]);
        return out;
    }

    void addText(const QString& piece) {
        if (m_open && m_leaves.back().kind == LeafKind::Code) {
            m_leaves.back().code += restored(piece);
            return;
        }
        quint16 style = kPlain;
        const Span* link = nullptr;
        for (const Span& span : m_spans) {
            style |= span.style;
            if (span.style & kLink)
                link = &span;
        }
        int linkIndex = -1;
        if (link) {
            QStringList& links = target().links;
            if (links.isEmpty() || links.last() != link->address)
                links += link->address;
            linkIndex = int(links.size()) - 1;
        }
        appendWithFormulas(piece, style, linkIndex);
    }

    void appendWithFormulas(const QString& piece, quint16 style, int link) {
        const EscapeScope scope =
            style & (kInlineCode | kLink) ? EscapeScope::Strict : EscapeScope::Prose;
        qsizetype done = 0;
        for (qsizetype i = 0; i < piece.size() && !m_formulas.isEmpty(); ++i) {
            const int index = piece[i].unicode() - MathSpans::kFirstPlaceholder;
            if (index < 0 || index >= m_formulas.size())
                continue;
            append(piece.mid(done, i - done), style, link, scope);
            const quint16 mathStyle = style & kInlineCode ? style : quint16(style | kMath);
            append(m_formulas[index], mathStyle, link, EscapeScope::Strict);
            done = i + 1;
        }
        append(done == 0 ? piece : piece.mid(done), style, link, scope);
    }

    void append(const QString& piece, quint16 style, int link, EscapeScope scope) {
        if (piece.isEmpty())
            return;
        QString shown =
            piece == QString(QChar::LineSeparator) ? piece : visibleEscapes(piece, scope);
        shown.replace(u'\n', QChar(QChar::LineSeparator));
        RichText& rich = target();
        const int start = int(rich.text.size());
        rich.text += shown;
        if (style == kPlain)
            return;
        if (!rich.runs.empty()) {
            InlineRun& last = rich.runs.back();
            if (last.style == style && last.link == link && last.start + last.length == start) {
                last.length += int(shown.size());
                return;
            }
        }
        rich.runs.push_back({start, int(shown.size()), style, link});
    }

    MarkdownOptions m_options;
    QStringList m_formulas;
    std::vector<Leaf> m_leaves;
    std::vector<LeafContainer> m_containers;
    std::vector<int> m_lists; // next number of each open list, -1: bullets
    std::vector<Span> m_spans;
    bool m_open = false; // the last leaf takes inline text
};

} // namespace

bool isWebAddress(QStringView address) {
    if (!address.startsWith(u"http://", Qt::CaseInsensitive) &&
        !address.startsWith(u"https://", Qt::CaseInsensitive))
        return false;
    const QUrl url(address.toString(), QUrl::StrictMode);
    return url.isValid() && !url.host().isEmpty();
}

std::vector<Leaf> plainLeaves(QStringView source) {
    Leaf leaf;
    leaf.rich.text = visibleEscapes(source, EscapeScope::Prose);
    leaf.rich.text.replace(u'\n', QChar(QChar::LineSeparator));
    std::vector<Leaf> leaves;
    leaves.push_back(std::move(leaf));
    return leaves;
}

std::vector<Leaf> parseMarkdown(QStringView source, const MarkdownOptions& options) {
    MathSpans math = extractMath(source);
    const QByteArray utf8 = math.text.toUtf8();
    LeafBuilder builder(options, std::move(math.sources));
    MD_PARSER parser{};
    parser.flags = MD_FLAG_TABLES | MD_FLAG_STRIKETHROUGH | MD_FLAG_TASKLISTS | MD_FLAG_NOHTML |
                   MD_FLAG_PERMISSIVEURLAUTOLINKS;
    parser.enter_block = [](MD_BLOCKTYPE type, void* detail, void* self) {
        static_cast<LeafBuilder*>(self)->enterBlock(type, detail);
        return 0;
    };
    parser.leave_block = [](MD_BLOCKTYPE type, void*, void* self) {
        static_cast<LeafBuilder*>(self)->leaveBlock(type);
        return 0;
    };
    parser.enter_span = [](MD_SPANTYPE type, void* detail, void* self) {
        static_cast<LeafBuilder*>(self)->enterSpan(type, detail);
        return 0;
    };
    parser.leave_span = [](MD_SPANTYPE type, void*, void* self) {
        static_cast<LeafBuilder*>(self)->leaveSpan(type);
        return 0;
    };
    parser.text = [](MD_TEXTTYPE type, const MD_CHAR* text, MD_SIZE size, void* self) {
        static_cast<LeafBuilder*>(self)->text(type, text, size);
        return 0;
    };
    if (md_parse(utf8.constData(), MD_SIZE(utf8.size()), &parser, &builder) != 0)
        return plainLeaves(source);
    return builder.take();
}

QString toMarkdown(const RichText& rich, int from, int to) {
    QString out;
    const auto plain = [&](int a, int b) {
        QString piece = rich.text.mid(a, b - a);
        out += piece.replace(QChar(QChar::LineSeparator), u'\n');
    };
    int at = from;
    for (const InlineRun& run : rich.runs) {
        const int a = std::max(run.start, at);
        const int b = std::min(run.start + run.length, to);
        if (a >= b)
            continue;
        plain(at, a);
        QString open = run.style & kBold ? QStringLiteral("**") : QString();
        if (run.style & kItalic)
            open += u'*';
        if (run.style & kStrike)
            open += QStringLiteral("~~");
        if (run.style & kInlineCode)
            open += u'`';
        QString close = open;
        std::reverse(close.begin(), close.end());
        if (run.link >= 0)
            open.prepend(u'[');
        out += open;
        plain(a, b);
        out += close;
        if (run.link >= 0)
            out += QStringLiteral("](") + rich.links[run.link] + u')';
        at = b;
    }
    plain(at, to);
    return out;
}

} // namespace ui
