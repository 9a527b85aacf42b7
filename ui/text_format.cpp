#include "ui/text_format.h"

#include <QCoreApplication>
#include <QLocale>

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

QString weightsText(const QString& format) {
    return format.toUpper();
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
