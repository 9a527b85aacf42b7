#pragma once
// Finds $..$ $$..$$ \(..\) \[..\] outside of code and takes them out of Markdown's way: each
// becomes one private-use character, so that underscores and stars of a formula are not emphasis.
// Money stays text: a closing dollar touches what is before it and no digit follows.

#include <QString>
#include <QStringList>
#include <QStringView>

namespace ui {

struct MathSpans {
    QString text;        // source with each formula replaced by kFirstPlaceholder + index
    QStringList sources; // formulas with their delimiters
    static constexpr ushort kFirstPlaceholder = 0xE000;
    static constexpr int kMaxSpans = 1024;
};

MathSpans extractMath(QStringView source);

} // namespace ui
