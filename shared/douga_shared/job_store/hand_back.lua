-- ARGV: seconds to live, then the indexes.

if not known_total() then
    return
end
renew(ARGV[1])
for i = 2, #ARGV do
    local number = number_of(redis.call('HGET', ATTEMPTS, ARGV[i]))
    if number == 1 then
        redis.call('HDEL', ATTEMPTS, ARGV[i])
    elseif number > 1 then
        -- Earlier attempts were not in peace and still count.
        redis.call('HSET', ATTEMPTS, ARGV[i], (1 - number) .. ' ')
        redis.call('HINCRBY', JOB, 'resting', 1)
    end
end
