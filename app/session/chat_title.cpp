#include "app/session/chat_title.h"

#include <QStringList>

namespace app {

namespace {
constexpr int kTitleLength = 60;
constexpr int kShortestCut = 30; // a cut between words may not lose more than half

QString withoutMarks(QString line) {
    while (!line.isEmpty() && QStringLiteral("#>*-`_~ \t").contains(line.front()))
        line.remove(0, 1);
    for (const char* mark : {"**", "__", "`"})
        line.remove(QLatin1String(mark));
    return line.simplified();
}
} // namespace

QString titleFrom(const QString& message) {
    QString title;
    const QStringList lines = message.left(2000).split(QLatin1Char('\n'));
    for (const QString& line : lines) {
        if (line.trimmed().startsWith(QLatin1String("```")))
            continue;
        title = withoutMarks(line);
        if (!title.isEmpty())
            break;
    }
    if (title.isEmpty())
        title = message.left(kTitleLength).simplified();
    if (title.size() <= kTitleLength)
        return title;
    title.truncate(kTitleLength);
    if (title.back().isHighSurrogate())
        title.chop(1);
    const qsizetype space = title.lastIndexOf(QLatin1Char(' '));
    if (space >= kShortestCut)
        title.truncate(space);
    return title + QChar(0x2026);
}

} // namespace app
