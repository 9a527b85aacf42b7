#include "app/history/message_tree.h"

#include <algorithm>

namespace app {

MessageTree::MessageTree(const QList<Message>& messages, MessageId leaf) {
    for (const Message& message : messages)
        add(message);
    if (m_messages.contains(leaf))
        m_leaf = leaf;
}

QList<Message> MessageTree::branch() const {
    return pathTo(m_leaf);
}

QList<Message> MessageTree::pathTo(MessageId message) const {
    QList<Message> path;
    // Parents have smaller ids; a damaged file that says otherwise must not send us in circles.
    for (MessageId id = message; m_messages.contains(id);) {
        path.prepend(numbered(id));
        const MessageId parent = path.constFirst().parent;
        if (parent >= id)
            break;
        id = parent;
    }
    return path;
}

const Message* MessageTree::find(MessageId message) const {
    const auto it = m_messages.constFind(message);
    return it == m_messages.constEnd() ? nullptr : &*it;
}

Message MessageTree::numbered(MessageId message) const {
    Message result = m_messages.value(message);
    const QList<MessageId> siblings = m_children.value(result.parent);
    result.siblingIndex = std::max<int>(int(siblings.indexOf(message)), 0);
    result.siblingCount = std::max<int>(int(siblings.size()), 1);
    return result;
}

bool MessageTree::isOnBranch(MessageId message) const {
    for (MessageId id = m_leaf; m_messages.contains(id);) {
        if (id == message)
            return true;
        const MessageId parent = m_messages.value(id).parent;
        if (parent >= id)
            break;
        id = parent;
    }
    return false;
}

void MessageTree::add(const Message& message) {
    if (!m_messages.contains(message.id)) {
        QList<MessageId>& siblings = m_children[message.parent];
        siblings.insert(std::lower_bound(siblings.begin(), siblings.end(), message.id), message.id);
    }
    m_messages.insert(message.id, message);
    m_leaf = message.id;
}

void MessageTree::replace(const Message& message) {
    if (const auto it = m_messages.find(message.id); it != m_messages.end())
        *it = message;
}

MessageId MessageTree::leafOfSibling(MessageId message, int step) const {
    const Message* here = find(message);
    if (here == nullptr)
        return 0;
    const QList<MessageId> siblings = m_children.value(here->parent);
    const qsizetype at = siblings.indexOf(message) + step;
    if (at < 0 || at >= siblings.size())
        return 0;
    MessageId leaf = siblings.at(at);
    for (;;) {
        const QList<MessageId> children = m_children.value(leaf);
        if (children.isEmpty() || children.constLast() <= leaf)
            return leaf;
        leaf = children.constLast();
    }
}

} // namespace app
