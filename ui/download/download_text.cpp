#include "ui/download/download_text.h"

#include "ui/text_format.h"
#include "ui/theme.h"

#include <QCoreApplication>

namespace ui {

namespace {

struct Downloads {
    Q_DECLARE_TR_FUNCTIONS(ui::Downloads)
};

constexpr int kCommitDigits = 8;

QString progressText(const app::DownloadJob& job) {
    const QString done = bytesText(quint64(job.done_bytes));
    return job.total_bytes < 0
               ? done
               : Downloads::tr("%1 of %2").arg(done, bytesText(quint64(job.total_bytes)));
}

} // namespace

QString hubName(app::HubKind hub) {
    switch (hub) {
    case app::HubKind::HuggingFace:
        return QStringLiteral("Hugging Face");
    case app::HubKind::HfMirror:
        return QStringLiteral("hf-mirror");
    case app::HubKind::ModelScope:
        return QStringLiteral("ModelScope");
    case app::HubKind::Address:
        break;
    }
    return Downloads::tr("An address");
}

QString fitText(app::RemoteFit fit) {
    switch (fit) {
    case app::RemoteFit::Fits:
        return Downloads::tr("fits");
    case app::RemoteFit::Tight:
        return Downloads::tr("tight: short chats only");
    case app::RemoteFit::TooLarge:
        return Downloads::tr("too large for the memory");
    case app::RemoteFit::NoDiskRoom:
        return Downloads::tr("no room on the disk");
    case app::RemoteFit::Unsupported:
        return Downloads::tr("format not supported");
    case app::RemoteFit::Unknown:
        break;
    }
    return Downloads::tr("not known");
}

QColor fitColor(app::RemoteFit fit, const Palette& palette) {
    switch (fit) {
    case app::RemoteFit::Fits:
        return palette.ok;
    case app::RemoteFit::Tight:
        return palette.warn;
    case app::RemoteFit::TooLarge:
    case app::RemoteFit::NoDiskRoom:
        return palette.bad;
    case app::RemoteFit::Unsupported:
    case app::RemoteFit::Unknown:
        break;
    }
    return palette.muted;
}

QString timeLeftText(qint64 seconds) {
    if (seconds < 60)
        return Downloads::tr("%1 s left").arg(seconds);
    if (seconds < 3600)
        return Downloads::tr("%1 min left").arg((seconds + 30) / 60);
    return Downloads::tr("%1 h %2 min left").arg(seconds / 3600).arg(seconds % 3600 / 60);
}

QString jobText(const app::DownloadJob& job) {
    const QString progress = progressText(job);
    switch (job.state) {
    case app::JobState::Waiting:
        return Downloads::tr("waits for its turn");
    case app::JobState::Running:
        break;
    case app::JobState::Retrying:
        return Downloads::tr("%1 – the connection failed; trying again").arg(progress);
    case app::JobState::Checking:
        return Downloads::tr("checking what is already here");
    case app::JobState::Paused:
        return Downloads::tr("%1 – paused").arg(progress);
    case app::JobState::Failed:
        return job.error;
    case app::JobState::Done:
        return Downloads::tr("%1 – complete and checked").arg(bytesText(quint64(job.done_bytes)));
    }
    if (job.bytes_per_s < 1)
        return progress;
    const QString speed = Downloads::tr("%1/s").arg(bytesText(quint64(job.bytes_per_s)));
    return job.left_s < 0
               ? QStringLiteral("%1 · %2").arg(progress, speed)
               : QStringLiteral("%1 · %2 · %3").arg(progress, speed, timeLeftText(job.left_s));
}

QString commitText(const QString& commit) {
    return commit.left(kCommitDigits);
}

} // namespace ui
