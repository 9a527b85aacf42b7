#include "ui/text_format.h"

#include "app/session/model_controller.h"
#include "ui/text/visible_escapes.h"

#include <QCoreApplication>
#include <QLocale>
#include <QRegularExpression>

namespace ui {

namespace {
// A tr() for free functions whose context lupdate understands.
struct Format {
    Q_DECLARE_TR_FUNCTIONS(ui::Format)
};
} // namespace

QString tokensText(int tokens) {
    if (tokens < 1000)
        return QString::number(tokens);
    const double thousands = tokens / 1000.0;
    return QStringLiteral("%1k").arg(thousands, 0, 'f', thousands < 10 ? 1 : 0);
}

QString bytesText(quint64 bytes) {
    return QLocale().formattedDataSize(qint64(bytes), 2, QLocale::DataSizeSIFormat);
}

QString speedText(double tokensPerSecond) {
    if (tokensPerSecond <= 0)
        return QStringLiteral("–");
    return Format::tr("%1 tok/s").arg(tokensPerSecond, 0, 'f', tokensPerSecond < 10 ? 1 : 0);
}

QString durationText(qint64 us) {
    if (us < 1'000'000)
        return Format::tr("%1 ms").arg(double(us) / 1000, 0, 'f', us < 10'000 ? 1 : 0);
    return Format::tr("%1 s").arg(double(us) / 1e6, 0, 'f', 1);
}

QString deviceText(const QString& device) {
    static const QRegularExpression kThreads(QStringLiteral(" · (\\d+) threads?$"));
    const QRegularExpressionMatch match = kThreads.match(device);
    if (!match.hasMatch())
        return device;
    return QStringLiteral("%1 · %2").arg(
        device.left(match.capturedStart()),
        Format::tr("%n thread(s)", nullptr, match.captured(1).toInt()));
}

QString clientText(const QString& client) {
    if (client == QLatin1String("desktop"))
        return Format::tr("Desktop");
    if (client == QLatin1String("api"))
        return Format::tr("API");
    return client;
}

QString splitText(const app::SplitValue& split) {
    if (split.onePerSecond <= 0 || split.allPerSecond <= 0)
        return {};
    const QString measured =
        Format::tr("Measured at the load: %n GPU(s) together %1, one alone %2.", nullptr,
                   split.gpus)
            .arg(speedText(split.allPerSecond), speedText(split.onePerSecond));
    if (split.tookOne)
        return measured + QLatin1Char(' ') + Format::tr("So the first one computes alone.");
    if (split.tookLayers)
        return measured + QLatin1Char(' ') +
               Format::tr("So each holds some of the layers, and a token goes from one to the "
                          "next.");
    if (split.tookReplicas)
        return measured + QLatin1Char(' ') +
               Format::tr("For %1 answers at once each holds the whole model: %2, together %3.")
                   .arg(split.streams)
                   .arg(speedText(split.replicasPerSecond), speedText(split.sharedPerSecond));
    return measured;
}

QString weightsText(const QString& format) {
    return format.toUpper();
}

QString queueText(const app::QueuePlace& place) {
    if (place.position <= 0)
        return {};
    if (place.estimatedWait_us < 0)
        return Format::tr("no. %1").arg(place.position);
    const qint64 seconds = (place.estimatedWait_us + 999'999) / 1'000'000;
    return seconds < 120
               ? Format::tr("no. %1, about %2 s").arg(place.position).arg(seconds)
               : Format::tr("no. %1, about %2 min").arg(place.position).arg((seconds + 59) / 60);
}

QString stateText(app::ConversationState state, const app::QueuePlace& place) {
    switch (state) {
    case app::ConversationState::Running:
        return Format::tr("answering");
    case app::ConversationState::Queued:
        return place.position > 0 ? Format::tr("waiting: %1").arg(queueText(place))
                                  : Format::tr("waiting");
    case app::ConversationState::Done:
        return Format::tr("new answer");
    case app::ConversationState::Failed:
        return Format::tr("failed");
    case app::ConversationState::Idle:
        break;
    }
    return {};
}

QString trashedText(const QString& title, int days) {
    return Format::tr("“%1” is in the trash for %n day(s).", nullptr, days).arg(title);
}

QString listText(const QStringList& titles) {
    constexpr int kMostTitles = 6;
    QStringList lines;
    for (const QString& title : titles.mid(0, kMostTitles))
        lines.append(QStringLiteral("• ") + visibleEscapes(title, EscapeScope::Strict));
    if (titles.size() > kMostTitles)
        lines.append(Format::tr("and %n more", nullptr, int(titles.size()) - kMostTitles));
    return lines.join(QLatin1Char('\n'));
}

QString stopReasonText(app::StopReason reason, const QString& stopString) {
    switch (reason) {
    case app::StopReason::StopString:
        return Format::tr("ended at “%1”").arg(stopString);
    case app::StopReason::MaxTokens:
        return Format::tr("token limit reached");
    case app::StopReason::ContextFull:
        return Format::tr("context full");
    case app::StopReason::Cancelled:
        return Format::tr("stopped");
    case app::StopReason::Failed:
        return Format::tr("failed");
    case app::StopReason::Interrupted:
        return Format::tr("interrupted: the program ended");
    case app::StopReason::None:
    case app::StopReason::EndOfAnswer:
        break;
    }
    return {};
}

} // namespace ui
