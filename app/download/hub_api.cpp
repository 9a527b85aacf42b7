#include "app/download/hub_api.h"

#include "app/download/file_names.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QRegularExpression>
#include <QUrlQuery>

namespace app {

namespace {

constexpr int kMostHits = 40;
constexpr int kMostFiles = 2000;

const QString kModelScopeBranch = QStringLiteral("master");

bool isModelScope(HubKind hub) {
    return hub == HubKind::ModelScope;
}

engine::Status notUnderstood(const QString& host, const QString& what, const std::string& problem) {
    return engine::Status(
        engine::Code::DownloadUnusable,
        {{"host", host.toStdString()}, {"file", what.toStdString()}, {"problem", problem}});
}

/// "owner/name" with each part encoded.
QString encoded(const QString& path) {
    return QString::fromLatin1(QUrl::toPercentEncoding(path, "/"));
}

QUrl fileUrl(HubKind hub, const QString& endpoint, const QString& repository, const QString& commit,
             const QString& path) {
    if (isModelScope(hub))
        return QUrl::fromEncoded(QStringLiteral("%1/api/v1/models/%2/repo?Revision=%3&FilePath=%4")
                                     .arg(endpoint, encoded(repository), encoded(commit),
                                          QString::fromLatin1(QUrl::toPercentEncoding(path)))
                                     .toLatin1());
    return QUrl::fromEncoded(QStringLiteral("%1/%2/resolve/%3/%4")
                                 .arg(endpoint, encoded(repository), encoded(commit), encoded(path))
                                 .toLatin1());
}

bool isHex(const QString& text, int digits) {
    static const QRegularExpression form(QStringLiteral("^[0-9a-fA-F]*$"));
    return text.size() == digits && form.match(text).hasMatch();
}

void putChecksum(RemoteFile& file, const QString& sha256, const QString& gitBlob) {
    if (isHex(sha256, 64)) {
        file.checksumKind = ChecksumKind::Sha256;
        file.checksum = sha256.toLower();
    } else if (isHex(gitBlob, 40)) {
        file.checksumKind = ChecksumKind::GitBlob;
        file.checksum = gitBlob.toLower();
    }
}

RemoteFile huggingFaceFile(const QJsonObject& json) {
    RemoteFile file;
    const QJsonObject lfs = json.value(QLatin1String("lfs")).toObject();
    file.path = json.value(QLatin1String("rfilename")).toString();
    file.bytes =
        lfs.value(QLatin1String("size")).toInteger(json.value(QLatin1String("size")).toInteger(-1));
    // The blob of a file in LFS is that of its pointer, not of its content.
    putChecksum(file, lfs.value(QLatin1String("sha256")).toString(),
                lfs.isEmpty() ? json.value(QLatin1String("blobId")).toString() : QString());
    return file;
}

RemoteFile modelScopeFile(const QJsonObject& json) {
    RemoteFile file;
    if (json.value(QLatin1String("Type")).toString() == QLatin1String("tree"))
        return file;
    file.path = json.value(QLatin1String("Path")).toString();
    file.bytes = json.value(QLatin1String("Size")).toInteger(-1);
    putChecksum(file, json.value(QLatin1String("Sha256")).toString(), {});
    return file;
}

bool isHidden(const QString& path) {
    for (const QString& name : path.split(QLatin1Char('/')))
        if (name.startsWith(QLatin1Char('.')) && name != QLatin1String("..") &&
            name != QLatin1String("."))
            return true;
    return false;
}

} // namespace

QString hubKey(HubKind hub) {
    switch (hub) {
    case HubKind::HuggingFace:
        return QStringLiteral("huggingface");
    case HubKind::HfMirror:
        return QStringLiteral("hf-mirror");
    case HubKind::ModelScope:
        return QStringLiteral("modelscope");
    case HubKind::Address:
        break;
    }
    return QStringLiteral("address");
}

HubKind hubFromKey(const QString& key) {
    for (const HubKind hub : {HubKind::HfMirror, HubKind::ModelScope, HubKind::Address})
        if (hubKey(hub) == key)
            return hub;
    return HubKind::HuggingFace;
}

QString defaultEndpoint(HubKind hub) {
    switch (hub) {
    case HubKind::HuggingFace:
        return QStringLiteral("https://huggingface.co");
    case HubKind::HfMirror:
        return QStringLiteral("https://hf-mirror.com");
    case HubKind::ModelScope:
        return QStringLiteral("https://www.modelscope.cn");
    case HubKind::Address:
        break;
    }
    return {};
}

engine::Result<QString> cleanEndpoint(const QString& typed) {
    QUrl url = QUrl::fromUserInput(typed.trimmed());
    const bool isWeb =
        url.scheme() == QLatin1String("https") || url.scheme() == QLatin1String("http");
    if (typed.trimmed().isEmpty() || !isWeb || url.host().isEmpty() || !url.userInfo().isEmpty())
        return engine::Status(
            engine::Code::DownloadAddressInvalid,
            {{"address", typed.toStdString()},
             {"expected", "a server is written like https://example.org, without a password"}});
    url.setQuery(QString());
    url.setFragment({});
    QString text = url.toString(QUrl::FullyEncoded);
    while (text.endsWith(QLatin1Char('/')))
        text.chop(1);
    return text;
}

FetchRequest searchRequest(HubKind hub, const QString& endpoint, const QString& words) {
    FetchRequest request;
    request.file = words;
    if (isModelScope(hub)) {
        request.url = QUrl(endpoint + QStringLiteral("/api/v1/dolphin/models"));
        request.verb = "PUT";
        const QJsonObject isGguf = {{QStringLiteral("category"), QStringLiteral("libraries")},
                                    {QStringLiteral("predicate"), QStringLiteral("contains")},
                                    {QStringLiteral("values"), QJsonArray{QStringLiteral("gguf")}}};
        request.body =
            QJsonDocument(QJsonObject{{QStringLiteral("Name"), words},
                                      {QStringLiteral("PageSize"), kMostHits},
                                      {QStringLiteral("PageNumber"), 1},
                                      {QStringLiteral("SortBy"), QStringLiteral("Default")},
                                      {QStringLiteral("Target"), QString()},
                                      {QStringLiteral("SingleCriterion"), QJsonArray()},
                                      {QStringLiteral("Criterion"), QJsonArray{isGguf}}})
                .toJson(QJsonDocument::Compact);
        return request;
    }
    request.url = QUrl(endpoint + QStringLiteral("/api/models"));
    QUrlQuery query;
    query.addQueryItem(QStringLiteral("search"),
                       QString::fromLatin1(QUrl::toPercentEncoding(words)));
    query.addQueryItem(QStringLiteral("filter"), QStringLiteral("gguf"));
    query.addQueryItem(QStringLiteral("sort"), QStringLiteral("downloads"));
    query.addQueryItem(QStringLiteral("direction"), QStringLiteral("-1"));
    query.addQueryItem(QStringLiteral("limit"), QString::number(kMostHits));
    request.url.setQuery(query);
    return request;
}

FetchRequest listRequest(HubKind hub, const QString& endpoint, const QString& repository) {
    FetchRequest request;
    request.file = repository;
    const QString address =
        isModelScope(hub)
            ? QStringLiteral("%1/api/v1/models/%2/repo/files?Revision=master&Recursive=true")
            : QStringLiteral("%1/api/models/%2/revision/main?blobs=true");
    request.url = QUrl::fromEncoded(address.arg(endpoint, encoded(repository)).toLatin1());
    return request;
}

engine::Result<QList<RemoteModel>> parseSearch(HubKind hub, const QByteArray& answer,
                                               const QString& host) {
    const QJsonDocument document = QJsonDocument::fromJson(answer);
    const QString what = QStringLiteral("the search");
    QJsonArray hits;
    if (isModelScope(hub)) {
        const QJsonValue models = document.object()
                                      .value(QLatin1String("Data"))
                                      .toObject()
                                      .value(QLatin1String("Model"))
                                      .toObject()
                                      .value(QLatin1String("Models"));
        if (!models.isArray() && !models.isNull())
            return notUnderstood(host, what, "the answer has no list of models");
        hits = models.toArray();
    } else {
        if (!document.isArray())
            return notUnderstood(host, what, "the answer is no list of models");
        hits = document.array();
    }
    QList<RemoteModel> models;
    for (const QJsonValue& each : hits) {
        const QJsonObject json = each.toObject();
        RemoteModel model;
        if (isModelScope(hub)) {
            model.repository = json.value(QLatin1String("Path")).toString() + QLatin1Char('/') +
                               json.value(QLatin1String("Name")).toString();
            model.downloads = json.value(QLatin1String("Downloads")).toInteger(-1);
        } else {
            model.repository = json.value(QLatin1String("id")).toString();
            model.downloads = json.value(QLatin1String("downloads")).toInteger(-1);
            const QJsonValue gated = json.value(QLatin1String("gated"));
            model.isGated = gated.isString() || gated.toBool();
        }
        if (isRepositoryName(model.repository) && models.size() < kMostHits)
            models.append(model);
    }
    return models;
}

engine::Result<RemoteRepository> parseListing(HubKind hub, const QString& endpoint,
                                              const QString& repository, const QByteArray& answer) {
    const QJsonObject json = QJsonDocument::fromJson(answer).object();
    const QString host = QUrl(endpoint).host();
    RemoteRepository listing;
    listing.hub = hub;
    listing.endpoint = endpoint;
    listing.repository = repository;
    QJsonValue files;
    if (isModelScope(hub)) {
        files = json.value(QLatin1String("Data")).toObject().value(QLatin1String("Files"));
        listing.commit = kModelScopeBranch;
    } else {
        files = json.value(QLatin1String("siblings"));
        listing.commit = json.value(QLatin1String("sha")).toString();
        const QJsonValue gated = json.value(QLatin1String("gated"));
        listing.isGated = gated.isString() || gated.toBool();
        listing.license = json.value(QLatin1String("cardData"))
                              .toObject()
                              .value(QLatin1String("license"))
                              .toString();
        if (!isHex(listing.commit, 40))
            return notUnderstood(host, repository, "the answer names no commit");
    }
    if (!files.isArray() || files.toArray().size() > kMostFiles)
        return notUnderstood(host, repository, "the answer has no usable list of files");
    for (const QJsonValue& each : files.toArray()) {
        RemoteFile file =
            isModelScope(hub) ? modelScopeFile(each.toObject()) : huggingFaceFile(each.toObject());
        if (file.path.isEmpty() || isHidden(file.path))
            continue;
        if (!isSafeRelativePath(file.path))
            return engine::Status(
                engine::Code::DownloadNameUnsafe,
                {{"host", host.toStdString()}, {"file", file.path.toStdString()}});
        file.url = fileUrl(hub, endpoint, repository, listing.commit, file.path);
        listing.files.append(file);
    }
    return listing;
}

} // namespace app
