#include "ui/text/visible_escapes.h"

namespace ui {
namespace {

bool isControl(char32_t c) {
    return (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7F && c < 0xA0);
}

/// Embeddings, overrides and isolates: they reorder what follows, however far.
bool isBidiControl(char32_t c) {
    return (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

/// Tag characters carry a whole hidden ASCII alphabet; variation supplements can as well.
bool isSmuggler(char32_t c) {
    return (c >= 0xE0000 && c <= 0xE0FFF);
}

/// Invisible, but with an honest use in prose: joiners, direction marks, soft hyphen.
bool isZeroWidth(char32_t c) {
    return c == 0x00AD || c == 0x034F || c == 0x061C || c == 0x115F || c == 0x1160 || c == 0x180E ||
           (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x2029) ||
           (c >= 0x2060 && c <= 0x2064) || (c >= 0x206A && c <= 0x206F) || c == 0x3164 ||
           c == 0xFEFF || c == 0xFFA0;
}

} // namespace

bool isHiddenCharacter(char32_t codePoint, EscapeScope scope) {
    if (isControl(codePoint) || isBidiControl(codePoint) || isSmuggler(codePoint))
        return true;
    return scope == EscapeScope::Strict && isZeroWidth(codePoint);
}

QString visibleEscapes(QStringView text, EscapeScope scope) {
    QString out;
    out.reserve(text.size());
    for (qsizetype i = 0; i < text.size(); ++i) {
        char32_t c = text[i].unicode();
        qsizetype units = 1;
        if (text[i].isHighSurrogate() && i + 1 < text.size() && text[i + 1].isLowSurrogate()) {
            c = QChar::surrogateToUcs4(text[i], text[i + 1]);
            units = 2;
        }
        if (isHiddenCharacter(c, scope))
            out += QStringLiteral("\u27E8U+%1\u27E9")
                       .arg(quint32(c), 4, 16, QLatin1Char('0'))
                       .toUpper();
        else
            out += text.mid(i, units);
        i += units - 1;
    }
    return out;
}

} // namespace ui
