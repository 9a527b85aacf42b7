#include "app/download/model_folder.h"

#include "app/download/file_names.h"
#include "engine/phrase.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <QCryptographicHash>
#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QSaveFile>
#include <QSet>
#include <unistd.h>

namespace app {

namespace {

constexpr qint64 kMostFileBytes = 4 << 20;
const QString kOwn = QStringLiteral(".inglenook");

QJsonObject toJson(const InstalledModel& model) {
    QJsonArray files;
    for (const InstalledFile& file : model.files)
        files.append(QJsonObject{{QStringLiteral("path"), file.path},
                                 {QStringLiteral("bytes"), file.bytes},
                                 {QStringLiteral("sha256"), file.sha256},
                                 {QStringLiteral("published"), file.published}});
    return {{QStringLiteral("hub"), hubKey(model.hub)},
            {QStringLiteral("endpoint"), model.endpoint},
            {QStringLiteral("repository"), model.repository},
            {QStringLiteral("commit"), model.commit},
            {QStringLiteral("since"), model.since.toString(Qt::ISODateWithMs)},
            {QStringLiteral("files"), files}};
}

std::optional<InstalledModel> modelFrom(const QJsonObject& json) {
    const auto text = [](const QJsonObject& object, const char* key) {
        return object.value(QLatin1String(key)).toString();
    };
    InstalledModel model;
    model.hub = hubFromKey(text(json, "hub"));
    model.endpoint = text(json, "endpoint");
    model.repository = text(json, "repository");
    model.commit = text(json, "commit");
    model.since = QDateTime::fromString(text(json, "since"), Qt::ISODateWithMs);
    for (const QJsonValue& each : json.value(QLatin1String("files")).toArray()) {
        const QJsonObject file = each.toObject();
        model.files.append({text(file, "path"), file.value(QLatin1String("bytes")).toInteger(),
                            text(file, "sha256"), text(file, "published")});
        // Somebody may have edited the file: its names lead nowhere else either.
        if (!isSafeRelativePath(model.files.last().path) || model.files.last().sha256.size() != 64)
            return std::nullopt;
    }
    if (model.files.isEmpty())
        return std::nullopt;
    return model;
}

engine::Status cannotWrite(const QString& file, const QString& reason) {
    return engine::Status(engine::Code::FileCannotWrite,
                          {{"file", file.toStdString()}, {"reason", reason.toStdString()}});
}

engine::Status move(const QString& from, const QString& to) {
    if (::rename(QFile::encodeName(from).constData(), QFile::encodeName(to).constData()) == 0)
        return {};
    return cannotWrite(to, QString::fromLocal8Bit(std::strerror(errno)));
}

/// "<place>.replaced", with a number when there is one already.
QString freeNameBeside(const QString& place) {
    QString name = place + QStringLiteral(".replaced");
    for (int number = 2; QFileInfo::exists(name); ++number)
        name = QStringLiteral("%1.replaced-%2").arg(place).arg(number);
    return name;
}

/// Renames are on the disk.
void syncFolder(const QString& folder) {
    const int descriptor =
        ::open(QFile::encodeName(folder).constData(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return;
    ::fsync(descriptor);
    ::close(descriptor);
}

} // namespace

const InstalledFile* InstalledModel::find(const QString& path) const {
    for (const InstalledFile& file : files)
        if (file.path == path)
            return &file;
    return nullptr;
}

ModelFolder::ModelFolder(QString folder) : m_folder(std::move(folder)) {}

QString ModelFolder::own(const QString& name) const {
    return m_folder + QLatin1Char('/') + kOwn + QLatin1Char('/') + name;
}

/// By content and name: two files of the same content are kept twice, and stay apart.
QString ModelFolder::keptPath(const InstalledFile& file) const {
    const QByteArray name =
        QCryptographicHash::hash(file.path.toUtf8(), QCryptographicHash::Sha256).toHex().left(8);
    return own(QStringLiteral("files/%1-%2").arg(file.sha256, QString::fromLatin1(name)));
}

engine::Status ModelFolder::open() {
    for (const QString& name : {QString(), QStringLiteral("files"), QStringLiteral("versions"),
                                QStringLiteral("incoming")}) {
        if (QFileInfo(own(name).chopped(name.isEmpty() ? 1 : 0)).isSymLink())
            return cannotWrite(own(name), QStringLiteral("it is a link"));
        if (!QDir().mkpath(own(name)))
            return cannotWrite(own(name), QStringLiteral("the folder cannot be made"));
    }
    return QFile::exists(own(QStringLiteral("switch.json"))) ? finishSwitch() : engine::Status();
}

std::optional<InstalledModel> ModelFolder::readModel(const QString& path) const {
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly))
        return std::nullopt;
    return modelFrom(QJsonDocument::fromJson(file.read(kMostFileBytes)).object());
}

engine::Status ModelFolder::writeModel(const QString& path, const InstalledModel& model) const {
    QSaveFile file(path);
    if (file.open(QIODevice::WriteOnly) && file.write(QJsonDocument(toJson(model)).toJson()) > 0 &&
        file.commit())
        return {};
    return cannotWrite(path, file.errorString());
}

std::optional<InstalledModel> ModelFolder::current() const {
    return readModel(own(QStringLiteral("current.json")));
}

QList<KeptVersion> ModelFolder::versions() const {
    QList<KeptVersion> versions;
    const QDir dir(own(QStringLiteral("versions")));
    for (const QString& name :
         dir.entryList({QStringLiteral("*.json")}, QDir::Files, QDir::Name | QDir::Reversed)) {
        const auto model = readModel(dir.filePath(name));
        if (!model)
            continue;
        KeptVersion version{name.chopped(5), model->commit, model->since, 0};
        for (const InstalledFile& file : model->files)
            version.bytes += QFileInfo(keptPath(file)).size();
        versions.append(version);
    }
    return versions;
}

std::optional<InstalledFile> ModelFolder::find(const RemoteFile& file) const {
    if (file.checksum.isEmpty() || !isSafeRelativePath(file.path))
        return std::nullopt;
    const auto model = current();
    const InstalledFile* used = model ? model->find(file.path) : nullptr;
    if (used != nullptr && used->published == file.checksum &&
        QFileInfo(m_folder + QLatin1Char('/') + file.path).size() == used->bytes)
        return *used;
    if (file.checksumKind != ChecksumKind::Sha256 || file.bytes <= 0)
        return std::nullopt;
    const InstalledFile kept{file.path, file.bytes, file.checksum, file.checksum};
    if (QFileInfo(keptPath(kept)).size() != file.bytes)
        return std::nullopt;
    return kept;
}

engine::Result<QString> ModelFolder::partFor(const RemoteFile& file) const {
    const engine::Result<QString> place =
        placeFor(own(QStringLiteral("incoming")), file.path, file.url.host());
    if (!place.ok())
        return place;
    // The place it will have is looked at now, before bytes are fetched in vain.
    const engine::Result<QString> final = placeFor(m_folder, file.path, file.url.host());
    if (!final.ok())
        return final;
    return place.value() + QStringLiteral(".part");
}

engine::Status ModelFolder::take(const QString& part, const InstalledFile& file) {
    INGLENOOK_TRY(move(part, keptPath(file)));
    QFile::remove(part + QStringLiteral(".json"));
    return {};
}

engine::Status ModelFolder::install(InstalledModel model, int keep) {
    // Files of other quantizations stay what they are.
    if (const auto before = current())
        for (const InstalledFile& file : before->files)
            if (model.find(file.path) == nullptr)
                model.files.append(file);
    return switchTo(model, keep);
}

engine::Status ModelFolder::rollBack(const QString& version, int keep) {
    const QString file = own(QStringLiteral("versions/%1.json").arg(version));
    auto target = isSafeRelativePath(version) ? readModel(file) : std::nullopt;
    if (!target)
        return missing(PHRASE("Status", "it is not kept any more"));
    target->since = QDateTime::currentDateTimeUtc();
    INGLENOOK_TRY(install(*target, keep + 1)); // the one that is gone back to is still among them
    QFile::remove(file);
    prune(keep);
    return {};
}

engine::Status ModelFolder::missing(const char* problem) const {
    return engine::Status(
        engine::Code::VersionMissing,
        {{"model", QFileInfo(m_folder).fileName().toStdString()}, {"problem", problem}});
}

engine::Status ModelFolder::switchTo(const InstalledModel& target, int keep) {
    const auto before = current();
    bool replaces = false;
    for (const InstalledFile& wanted : target.files) {
        const InstalledFile* used = before ? before->find(wanted.path) : nullptr;
        const bool isUsed = used != nullptr && used->sha256 == wanted.sha256;
        if (!isUsed && !QFile::exists(keptPath(wanted)))
            return missing(PHRASE("Status", "a file of it is no longer on the disk"));
        replaces = replaces || (used != nullptr && !isUsed);
    }
    if (replaces) {
        const QString id =
            QDateTime::currentDateTimeUtc().toString(QStringLiteral("yyyyMMdd-HHmmss-zzz"));
        INGLENOOK_TRY(writeModel(own(QStringLiteral("versions/%1.json").arg(id)), *before));
    }
    INGLENOOK_TRY(writeModel(own(QStringLiteral("switch.json")), target));
    INGLENOOK_TRY(finishSwitch());
    prune(keep);
    return {};
}

/// From whatever point it was interrupted at.
engine::Status ModelFolder::finishSwitch() {
    const QString plan = own(QStringLiteral("switch.json"));
    const auto target = readModel(plan);
    if (!target) {
        QFile::remove(plan); // written atomically by us: somebody else changed it
        return {};
    }
    INGLENOOK_TRY(apply(current().value_or(InstalledModel()), *target));
    INGLENOOK_TRY(writeModel(own(QStringLiteral("current.json")), *target));
    QFile::remove(plan);
    syncFolder(m_folder);
    return {};
}

engine::Status ModelFolder::apply(const InstalledModel& before, const InstalledModel& target) {
    for (const InstalledFile& wanted : target.files) {
        const QString kept = keptPath(wanted);
        if (!QFile::exists(kept))
            continue; // in place, or done before an interruption
        const engine::Result<QString> place = placeFor(m_folder, wanted.path, target.repository);
        if (!place.ok())
            return place.status();
        const InstalledFile* used = before.find(wanted.path);
        // The version before has a name among what is kept. Any other file is never lost: one that
        // the user has put here, or one that a disk has damaged and this content repairs.
        const bool isOther = used != nullptr && keptPath(*used) != kept;
        if (QFile::exists(place.value()))
            INGLENOOK_TRY(
                move(place.value(), isOther ? keptPath(*used) : freeNameBeside(place.value())));
        INGLENOOK_TRY(move(kept, place.value()));
    }
    syncFolder(own(QStringLiteral("files")));
    return {};
}

void ModelFolder::prune(int keep) {
    const QList<KeptVersion> kept = versions();
    for (qsizetype i = keep; i < kept.size(); ++i)
        QFile::remove(own(QStringLiteral("versions/%1.json").arg(kept.at(i).id)));
    QSet<QString> needed;
    for (const KeptVersion& version : versions())
        if (const auto model = readModel(own(QStringLiteral("versions/%1.json").arg(version.id))))
            for (const InstalledFile& file : model->files)
                needed.insert(QFileInfo(keptPath(file)).fileName());
    const QDir files(own(QStringLiteral("files")));
    for (const QString& name : files.entryList(QDir::Files))
        if (!needed.contains(name))
            QFile::remove(files.filePath(name));
}

QString downloadFolderOf(const QString& path) {
    QString folder = path;
    for (int up = 0; up < 3; ++up, folder = QFileInfo(folder).absolutePath())
        if (QFileInfo::exists(folder + QStringLiteral("/.inglenook/current.json")))
            return folder;
    return {};
}

} // namespace app
