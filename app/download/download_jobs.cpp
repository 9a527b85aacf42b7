#include "app/download/download_jobs.h"

#include "app/download/file_names.h"

#include <QJsonObject>

namespace app {

namespace {

const QList<QPair<ChecksumKind, QString>>& checksumNames() {
    static const QList<QPair<ChecksumKind, QString>> names = {
        {ChecksumKind::None, QString()},
        {ChecksumKind::Sha256, QStringLiteral("sha256")},
        {ChecksumKind::GitBlob, QStringLiteral("git-blob")}};
    return names;
}

QJsonObject toJson(const RemoteFile& file) {
    return {{QStringLiteral("path"), file.path},
            {QStringLiteral("bytes"), file.bytes},
            {QStringLiteral("checksum_kind"), checksumNames().at(int(file.checksumKind)).second},
            {QStringLiteral("checksum"), file.checksum},
            {QStringLiteral("url"), file.url.toString(QUrl::FullyEncoded)}};
}

RemoteFile fileFrom(const QJsonObject& json) {
    RemoteFile file;
    file.path = json.value(QLatin1String("path")).toString();
    file.bytes = json.value(QLatin1String("bytes")).toInteger(-1);
    const QString kind = json.value(QLatin1String("checksum_kind")).toString();
    for (const auto& [value, name] : checksumNames())
        if (name == kind)
            file.checksumKind = value;
    file.checksum = json.value(QLatin1String("checksum")).toString();
    file.url = QUrl(json.value(QLatin1String("url")).toString());
    return file;
}

} // namespace

QJsonArray jobsToJson(const QList<JobRecord>& jobs) {
    QJsonArray array;
    for (const JobRecord& job : jobs) {
        QJsonArray files;
        for (const RemoteFile& file : job.files)
            files.append(toJson(file));
        array.append(QJsonObject{{QStringLiteral("hub"), hubKey(job.shown.hub)},
                                 {QStringLiteral("repository"), job.shown.repository},
                                 {QStringLiteral("label"), job.shown.label},
                                 {QStringLiteral("total_bytes"), job.shown.total_bytes},
                                 {QStringLiteral("error"), job.shown.error},
                                 {QStringLiteral("endpoint"), job.endpoint},
                                 {QStringLiteral("commit"), job.commit},
                                 {QStringLiteral("files"), files}});
    }
    return array;
}

QList<JobRecord> jobsFromJson(const QJsonArray& json, const QString& models) {
    QList<JobRecord> jobs;
    for (const QJsonValue& each : json) {
        const QJsonObject object = each.toObject();
        const auto text = [&](const char* key) {
            return object.value(QLatin1String(key)).toString();
        };
        JobRecord job;
        job.shown.hub = hubFromKey(text("hub"));
        job.shown.repository = text("repository");
        job.shown.label = text("label");
        job.shown.total_bytes = object.value(QLatin1String("total_bytes")).toInteger(-1);
        job.shown.error = text("error");
        job.shown.state = job.shown.error.isEmpty() ? JobState::Paused : JobState::Failed;
        job.shown.folder = models + QLatin1Char('/') + job.shown.repository;
        job.endpoint = text("endpoint");
        job.commit = text("commit");
        bool isSafe = isRepositoryName(job.shown.repository);
        for (const QJsonValue& file : object.value(QLatin1String("files")).toArray()) {
            job.files.append(fileFrom(file.toObject()));
            isSafe = isSafe && isSafeRelativePath(job.files.last().path);
        }
        if (isSafe && !job.files.isEmpty())
            jobs.append(job);
    }
    return jobs;
}

} // namespace app
